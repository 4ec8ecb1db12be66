/** The wide-area link of the bench, where there can be one: as root, with its emulator beside the checkout. */
import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startBackends } from "../../bench/backends.ts";
import { Children } from "../../bench/children.ts";
import { entryOf } from "../../bench/figures/figure.ts";
import { EXPORTING, IMPORTING, type Lab } from "../../bench/lab.ts";
import { processTree } from "../../bench/processes.ts";
import { timesThere } from "../../bench/wan-generators.ts";
import { missingForLink, openLink } from "../../bench/wan-link.ts";
import { MET, missing, type Requirement, requires, requiresShared } from "../requires.ts";

const requirement = requiresLink();
const nginx = requires("nginx");
const folders: string[] = [];
const namespaces = () =>
  (existsSync("/run/netns") ? readdirSync("/run/netns") : []).filter((name) => name.includes(`bench-${process.pid}-`));

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function newChildren(): Children {
  const folder = mkdtempSync(join(tmpdir(), "clusterlink-wan-"));
  folders.push(folder);
  return new Children(folder);
}

/**
 * What the link needs: its emulator, and a machine on which that runs.
 * @throws {Error} where the emulator is there, something else is not, and `CLUSTERLINK_TEST_REQUIRE=all` forbids skipping
 */
function requiresLink(): Requirement {
  const emulator = process.env["BENCH_WAN"] ? MET : requiresShared("wan/main.go");
  const fault = missingForLink();
  return emulator.skip || fault === undefined ? emulator : missing(fault);
}

// A link needs root, Go and the emulator.
describe.skipIf(requirement.skip)(`a link between two sites ${requirement.reason}`.trimEnd(), () => {
  test("delays what passes, and leaves no namespace behind", async () => {
    const children = newChildren();
    const link = await openLink(children, ["delay=25ms"]);
    try {
      expect(namespaces()).toHaveLength(2);
      const { places } = link;
      const backends = await startBackends(children, ["echo"], {}, places[EXPORTING]);
      const echo = entryOf(backends, "echo");
      expect(await places[IMPORTING].accepts(echo)).toBe(true);
      expect(await places[IMPORTING].accepts({ ...echo, port: 1 })).toBe(false);
      const times = await timesThere({ children, places } as Lab, "first-byte", echo, 3);
      expect(times).toHaveLength(3);
      // Two round trips: one to connect, one for the request.
      expect(Math.min(...times)).toBeGreaterThanOrEqual(100);
    } finally {
      await children.endAll();
      await link.close();
    }
    expect(namespaces()).toEqual([]);
  }, 60_000);

  // The service that a reply is downloaded from is an nginx.
  test.skipIf(nginx.skip)(
    `slows down a download by its round trips ${nginx.reason}`.trimEnd(),
    async () => {
      const children = newChildren();
      const link = await openLink(children, ["delay=25ms"]);
      try {
        const { places } = link;
        const backends = await startBackends(children, ["http"], {}, places[EXPORTING]);
        const times = await timesThere({ children, places } as Lab, "download", entryOf(backends, "http"), 2);
        expect(times).toHaveLength(2);
        // One round trip to connect, one for the request, and more than one until TCP sends 1 MiB at once.
        expect(Math.min(...times)).toBeGreaterThanOrEqual(150);
      } finally {
        await children.endAll();
        await link.close();
      }
    },
    60_000,
  );

  test("is removed when its emulator could not do so itself", async () => {
    const children = newChildren();
    const link = await openLink(children, []);
    const emulator = processTree(process.pid).find(
      ({ pid }) => readlinkSync(`/proc/${pid}/exe`) === join(children.folder, "wan"),
    );
    process.kill(emulator?.pid ?? Number.NaN, "SIGKILL");
    expect(namespaces()).toHaveLength(2);
    await link.close();
    expect(namespaces()).toEqual([]);
  }, 60_000);
});
