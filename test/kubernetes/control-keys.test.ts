/** The key of the tokens: replaced while the gateway runs, and at no moment is a token of another replica refused. */
import { afterEach, expect, test } from "bun:test";
import { KeyRotation, type KeysInUse } from "../../src/control/kubernetes/key-rotation.ts";
import { loadSharedKeys, readSharedKeys } from "../../src/control/kubernetes/shared-keys.ts";
import { SECRETS } from "../../src/store/kubernetes/resource.ts";
import { SYSTEM_TIMING } from "../../src/store/kubernetes/timing.ts";
import { SYSTEM } from "../control/objects.ts";
import { eventually, systemNamespace } from "./control-site.ts";
import { keptLog } from "./recorder.ts";
import { suite } from "./server.ts";
import type { TestServer } from "./test-server.ts";

suite("the key of the tokens", (running) => {
  const rotations: KeyRotation[] = [];
  afterEach(() => {
    for (const rotation of rotations.splice(0)) rotation.stop();
  });

  const SECRET = { namespace: SYSTEM, name: "jwk" };
  const base64 = (text: string) => Buffer.from(text.padEnd(32, ".")).toString("base64");
  const put = (server: TestServer, key: string) =>
    server.client.apply(SECRETS, { metadata: SECRET, data: { key } }, { force: true, fieldManager: "administrator" });

  /** Follows the Secret, in a time that passes as fast as the server answers. */
  async function follow(server: TestServer) {
    await systemNamespace(server);
    await put(server, base64("first"));
    const told: string[] = [];
    let now = 0;
    const names = ({ signing, accepted }: KeysInUse) =>
      [signing, ...accepted].map(({ authz }) => atob(authz).replace(/\.*$/, "")).join(" ");
    const { log, lines } = keptLog();
    const rotation = new KeyRotation({
      first: await loadSharedKeys(server.client, SYSTEM),
      load: (signal) => readSharedKeys(server.client, SYSTEM, signal),
      onChange: (keys) => void told.push(`${now / 1_000} s: ${names(keys)}`),
      log,
      timing: {
        ...SYSTEM_TIMING,
        now: () => now,
        async sleep(milliseconds) {
          now += milliseconds;
          await Bun.sleep(1);
        },
      },
    });
    rotations.push(rotation);
    return { rotation, told, lines, now: () => now };
  }

  test("is accepted before it signs, and the one before it for a while after", async () => {
    const { rotation, told } = await follow(running());
    await put(running(), base64("second"));
    rotation.start();
    await eventually("the end of the first", () => told.length === 3);
    expect(told).toEqual(["10 s: first second", "40 s: second first", "70 s: second"]);
  });

  test("stays what it is while the Secret is missing or has none, with one line in the log", async () => {
    const { rotation, told, lines, now } = await follow(running());
    await put(running(), "c2hvcnQ=");
    rotation.start();
    await eventually("some looks", () => now() > 100_000);
    await running().client.delete(SECRETS, SECRET);
    const before = now();
    await eventually("more looks", () => now() > before + 100_000);
    expect(told).toEqual([]);
    expect(lines.filter((line) => line.includes("cannot be read again"))).toHaveLength(1);
    await put(running(), base64("second"));
    await eventually("the second", () => told.at(-1)?.endsWith("s: second"));
  });

  test("of three in a row, each is good until the last signs", async () => {
    const { rotation, told } = await follow(running());
    rotation.start();
    await put(running(), base64("second"));
    await eventually("the second", () => told.at(0)?.endsWith("first second"));
    await put(running(), base64("third"));
    await eventually("the third alone", () => told.at(-1)?.endsWith("s: third"));
    const keys = told.map((line) => line.replace(/^.*: /, ""));
    for (const [index, line] of keys.entries()) {
      const [signing = ""] = (keys[index + 1] ?? "third").split(" ");
      expect(line.split(" ")).toContain(signing);
    }
  });
});
