/** Who of the replicas leads, whatever happens to the Lease. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { Election, type ElectionTimes } from "../../src/control/kubernetes/election.ts";
import { LEASES, NAMESPACES } from "../../src/store/kubernetes/resource.ts";
import { SYSTEM_TIMING } from "../../src/store/kubernetes/timing.ts";
import { eventually } from "./control-site.ts";
import { keptLog } from "./recorder.ts";
import { suite } from "./server.ts";

suite("a Lease", (running) => {
  const elections: Election[] = [];
  let namespace: string;
  beforeEach(async () => {
    namespace = await running().namespace();
  });
  afterEach(async () => {
    await Promise.all(elections.splice(0).map((election) => election.stop()));
  });

  function candidate(identity: string, times: Partial<ElectionTimes> = {}, timing = SYSTEM_TIMING, of = namespace) {
    const changes: boolean[] = [];
    const { log, lines } = keptLog();
    const election = new Election({
      client: running().client,
      namespace: of,
      name: "lead",
      identity,
      log,
      onChange: (leads) => changes.push(leads),
      times: { duration: 2_000, renewal: 1_500, retry: 100, ...times },
      timing,
    });
    elections.push(election);
    election.start();
    const warnings = () => lines.filter((line) => JSON.parse(line).level === "warn");
    return { election, changes, warnings };
  }
  const lease = () => running().client.get(LEASES, { namespace, name: "lead" });

  test("that is deleted is made again by who had it, who leads all the while", async () => {
    const { election, changes, warnings } = candidate("a");
    await eventually("leadership", () => election.leadership);
    const before = await lease();
    await running().client.delete(LEASES, { namespace, name: "lead" });
    const after = await eventually("the Lease again", lease);
    expect(after.metadata.uid).not.toBe(before?.metadata.uid as string);
    expect(after.spec?.holderIdentity).toBe("a");
    expect(changes).toEqual([true]);
    expect(warnings()).toEqual([]);
  });

  test("that is deleted is not taken by another who has seen whose it is, and the one who lost it to a third steps back", async () => {
    const first = candidate("a");
    await eventually("leadership", () => first.election.leadership);
    const second = candidate("b");
    await Bun.sleep(300);
    for (let i = 0; i < 3; i++) {
      const before = await lease();
      await running().client.delete(LEASES, { namespace, name: "lead" });
      const again = await eventually("the Lease again", lease);
      expect(again.metadata.uid).not.toBe(before?.metadata.uid as string);
      expect(again.spec?.holderIdentity).toBe("a");
    }
    expect(first.changes).toEqual([true]);
    expect(second.changes).toEqual([]);
  });

  test("that somebody else has made anew is given up as soon as that is noticed", async () => {
    const pauses: (() => void)[] = [];
    const sleep = (_: number, signal?: AbortSignal) =>
      new Promise<void>((resolve) => {
        pauses.push(resolve);
        signal?.addEventListener("abort", () => resolve());
      });
    const { changes } = candidate("a", { duration: 60_000, renewal: 30_000 }, { ...SYSTEM_TIMING, sleep });
    await eventually("leadership", () => pauses.length === 1);
    const now = `${new Date().toISOString().slice(0, -1)}000Z`;
    const spec = { holderIdentity: "b", leaseDurationSeconds: 60, acquireTime: now, renewTime: now };
    await running().client.delete(LEASES, { namespace, name: "lead" });
    await running().client.create(LEASES, { metadata: { namespace, name: "lead" }, spec });
    pauses[0]?.();
    await eventually("the next pause", () => pauses.length === 2);
    expect(changes).toEqual([true, false]);
  });

  test("that could not be renewed because the whole process stood still leads no more, before any timer has run", async () => {
    const { election, changes } = candidate("a", { renewal: 1_000 });
    await eventually("leadership", () => election.leadership);
    Bun.sleepSync(1_100);
    expect(election.leadership).toBeUndefined();
    expect(changes.at(-1)).toBeTrue();
    await eventually("leadership again", () => election.leadership);
  });

  test("that somebody else writes to is read again, and kept", async () => {
    const { election, changes, warnings } = candidate("a");
    await eventually("leadership", () => election.leadership);
    for (const note of ["x", "y"]) {
      await running().client.patch(LEASES, { namespace, name: "lead" }, { metadata: { annotations: { note } } });
      const written = (await lease())?.spec?.renewTime;
      await eventually("a renewal", async () => (await lease())?.spec?.renewTime !== written);
    }
    expect((await lease())?.metadata.annotations).toEqual({ note: "y" });
    expect(changes).toEqual([true]);
    expect(warnings()).toEqual([]);
  });

  test("that many want at once is one's, and the others wait without a word", async () => {
    const all = ["a", "b", "c", "d"].map((identity) => candidate(identity));
    await eventually("a leader", () => all.some(({ election }) => election.leadership));
    await Bun.sleep(1_000);
    expect(all.filter(({ election }) => election.leadership)).toHaveLength(1);
    expect(all.flatMap(({ warnings }) => warnings())).toEqual([]);
    expect(all.map(({ changes }) => changes.length).sort()).toEqual([0, 0, 0, 1]);
  });

  test("that cannot be, since its namespace is not there, is complained of, and is taken when that comes", async () => {
    const missing = `${namespace}-later`;
    const { election, warnings } = candidate("a", {}, SYSTEM_TIMING, missing);
    const warning = await eventually("a warning", () => warnings()[0]);
    expect(warning).toContain(`namespaces \\"${missing}\\" not found`);
    expect(election.answered).toBeFalse();
    await running().client.create(NAMESPACES, { metadata: { name: missing } });
    await eventually("leadership", () => election.leadership);
    expect(election.answered).toBeTrue();
  });

  test("that is given back is another's at once", async () => {
    const first = candidate("a", { duration: 60_000 });
    await eventually("leadership", () => first.election.leadership);
    const second = candidate("b", { duration: 60_000 });
    await first.election.stop();
    await first.election.release();
    await eventually("its leadership", () => second.election.leadership);
    expect((await lease())?.spec?.leaseTransitions).toBe(1);
  });
});
