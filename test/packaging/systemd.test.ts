/** The unit for systemd leaves the gateway no more than it needs. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { requires } from "../requires.ts";

const UNIT = join(import.meta.dir, "..", "..", "manifests", "systemd", "clusterlink.service");

/** systemd's scale goes from 0 (closed) to 10 (open). */
const MOST_EXPOSURE = 2.0;

const analyze = requires("systemd-analyze");

test.skipIf(analyze.skip)(`systemd rates its exposure at ${MOST_EXPOSURE} or less ${analyze.reason}`, () => {
  const { stdout, stderr } = Bun.spawnSync(["systemd-analyze", "security", "--offline=true", UNIT], {
    env: { ...process.env, SYSTEMD_PAGER: "cat", SYSTEMD_COLORS: "0" },
  });
  const exposure = /Overall exposure level for \S+: ([\d.]+)/.exec(stdout.toString())?.[1];
  expect(exposure, stderr.toString()).toBeDefined();
  expect(Number(exposure)).toBeLessThanOrEqual(MOST_EXPOSURE);
});

test("no core dump holds the site's private key", async () => {
  expect(await Bun.file(UNIT).text()).toMatch(/^LimitCORE=0$/m);
});

test("the engine may make code while it runs, and the supervisor stops its children itself", async () => {
  const text = await Bun.file(UNIT).text();
  expect(text).not.toMatch(/^MemoryDenyWriteExecute=(yes|true)/m);
  expect(text).toMatch(/^KillMode=mixed$/m);
  expect(text).toMatch(/^RestartPreventExitStatus=2$/m);
});
