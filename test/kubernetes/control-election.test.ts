/** Who of the replicas leads, whatever happens to the Lease. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { Election } from "../../src/control/kubernetes/election.ts";
import { LEASES } from "../../src/store/kubernetes/resource.ts";
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

  /** @param duration - how long a Lease lasts that nobody renews, milliseconds */
  function candidate(identity: string, duration = 2_000) {
    const changes: boolean[] = [];
    const { log, lines } = keptLog();
    const election = new Election({
      client: running().client,
      namespace,
      name: "lead",
      identity,
      log,
      onChange: (leads) => changes.push(leads),
      times: { duration, renewal: 1_500, retry: 100 },
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

  test("that is given back is another's at once", async () => {
    const first = candidate("a", 60_000);
    await eventually("leadership", () => first.election.leadership);
    const second = candidate("b", 60_000);
    await first.election.stop();
    await first.election.release();
    await eventually("its leadership", () => second.election.leadership);
    expect((await lease())?.spec?.leaseTransitions).toBe(1);
  });
});
