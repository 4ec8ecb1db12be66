/** What `create` says of a fabric that is there and may not be read. The rest of it is in test/pki. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { completed } from "../completed.ts";
import { cleanEnvironment, clusterlink, command } from "./clusterlink.ts";

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync("/tmp/clusterlink-create-");
  chmodSync(folder, 0o755);
  expect((await clusterlink(["create", "fabric", "--name", "shop"], { cwd: folder })).code).toBe(0);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("a fabric that is not there is to be created first", async () => {
  const { code, err } = await clusterlink(["create", "peer-cert", "--fabric", "nope", "--name", "a"], { cwd: folder });
  expect(err).toBe(
    "error: cannot read nope/cert.pem (ENOENT): create the fabric first: clusterlink create fabric --name nope\n",
  );
  expect(code).toBe(1);
});

test.each(["shop", "shop/key.pem"])("a fabric is not to be created again when '%s' may not be read", async (path) => {
  const file = join(folder, path);
  const mode = statSync(file).mode;
  chmodSync(join(folder, "shop"), 0o755);
  chmodSync(file, 0);
  // Root may read everything: it runs the command as somebody else.
  const asOther = process.getuid?.() === 0 ? ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"] : [];
  const args = command("create", "peer-cert", "--fabric", "shop", "--name", "a");
  const { code, err } = await completed([...asOther, ...args], { cwd: folder, env: cleanEnvironment() });
  chmodSync(file, mode);
  expect(err).toMatch(/^error: cannot read shop\/(key|cert).pem \(EACCES\): run this as a user who may read it\n$/);
  expect(code).toBe(1);
});
