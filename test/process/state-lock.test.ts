import { afterAll, expect, test } from "bun:test";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lockState, StateLockError } from "../../src/process/state-lock.ts";

const folder = mkdtempSync(join(tmpdir(), "lock-"));
afterAll(() => rmSync(folder, { recursive: true }));

const HOLDER = `
  import { lockState } from "${join(import.meta.dir, "../../src/process/state-lock.ts")}";
  lockState(process.argv[1]);
  console.log("locked");
  await Bun.sleep(60_000);`;

test("a state folder has one gateway, and is free again as soon as that one is killed", async () => {
  const state = join(folder, "state");
  const holder = Bun.spawn([process.execPath, "-e", HOLDER, state], { stdout: "pipe" });
  const { value } = await holder.stdout.getReader().read();
  expect(new TextDecoder().decode(value)).toBe("locked\n");
  expect(() => lockState(state)).toThrow(StateLockError);
  expect(() => lockState(state)).toThrow(/another gateway runs on ".*state"/);
  holder.kill("SIGKILL");
  await holder.exited;
  lockState(state).release();
});

test("a state folder is made private", () => {
  const state = join(folder, "new", "state");
  lockState(state).release();
  expect(statSync(state).mode & 0o777).toBe(0o700);
});

test("a state folder that anybody may write to is used, with a warning that names the remedy", () => {
  const state = join(folder, "open");
  mkdirSync(state);
  chmodSync(state, 0o1777);
  const lock = lockState(state);
  lock.release();
  expect(lock.warning).toContain(`chmod 0700 ${state}`);
  chmodSync(state, 0o755);
  const closed = lockState(state);
  closed.release();
  expect(closed.warning).toBeUndefined();
});

test.skipIf(process.getuid?.() !== 0)("a state folder of another user is refused (as root)", () => {
  const state = join(folder, "foreign");
  mkdirSync(state, { mode: 0o700 });
  chownSync(state, 65534, 65534);
  expect(() => lockState(state)).toThrow(/^--state: ".*foreign" belongs to user 65534.*; run 'chown 0 .*foreign'/);
  expect(statSync(state).uid).toBe(65534);
});

test("a state folder that cannot be made is refused with the flag's name", () => {
  expect(() => lockState("/proc/no-such/state")).toThrow(/^--state: "\/proc\/no-such\/state" cannot be used/);
});
