import { canonicalCidr } from "../../resources/address.ts";
import type { WorkloadResource } from "../../resources/kinds.ts";
import { keyOf } from "../../resources/meta.ts";
import type { ClientEntry } from "../../snapshot/tables.ts";
import { condition, type Outcome } from "./outcome.ts";
import { rememberRows } from "./remember.ts";

const rowOf = rememberRows((workload: WorkloadResource): ClientEntry => {
  const { metadata, spec } = workload;
  const { namespace = "", labels = {} } = metadata;
  return { namespace, labels, ...(spec.serviceAccount === undefined ? {} : { serviceAccount: spec.serviceAccount }) };
});

/** Clients by address block. A block that two Workloads claim identifies nobody, and both say so in `WorkloadValid`. */
export function reconcileWorkloads(workloads: Iterable<WorkloadResource>): Outcome<ClientEntry> {
  const claims = new Map<string, WorkloadResource[]>();
  const all = [...workloads];
  for (const workload of all) {
    for (const cidr of workload.spec.cidrs) {
      const canonical = canonicalCidr(cidr);
      if (canonical !== undefined) claims.set(canonical, [...(claims.get(canonical) ?? []), workload]);
    }
  }
  const outcome: Outcome<ClientEntry> = { rows: {}, statuses: new Map() };
  const disputes = new Map<WorkloadResource, string[]>();
  for (const [cidr, claimants] of claims) {
    const [first] = claimants;
    if (!first) continue;
    const row = rowOf(first);
    outcome.rows[cidr] = claimants.length === 1 ? row : { namespace: row.namespace, labels: {}, ambiguous: true };
    if (claimants.length === 1) continue;
    for (const claimant of claimants) {
      const others = claimants.filter((other) => other !== claimant).map(keyOf);
      disputes.set(claimant, [...(disputes.get(claimant) ?? []), `${cidr} (${others.join(", ") || "itself, twice"})`]);
    }
  }
  for (const workload of all) {
    const disputed = disputes.get(workload);
    outcome.statuses.set(
      keyOf(workload),
      disputed
        ? condition(
            "WorkloadValid",
            "False",
            "AddressClaimedTwice",
            `Clients from these addresses stay unidentified, since others claim them too: ${disputed.join("; ")}.`,
          )
        : condition("WorkloadValid", "True", "Valid", "Clients from these addresses are identified."),
    );
  }
  return outcome;
}
