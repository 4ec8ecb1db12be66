import type { ExportResource } from "../../resources/kinds.ts";
import { keyOf } from "../../resources/meta.ts";
import type { ExportEntry } from "../../snapshot/tables.ts";
import { condition, type Outcome } from "./outcome.ts";
import { rememberRows } from "./remember.ts";

const rowOf = rememberRows((exported: ExportResource): ExportEntry | undefined => {
  const { metadata, spec } = exported;
  if (spec.host === undefined) return undefined;
  const { namespace = "", name, labels = {} } = metadata;
  return { namespace, name, labels, host: spec.host, port: spec.port };
});

/** Exports of a site without Kubernetes: there is no Service to default to, so `spec.host` must be there. */
export function reconcileStandaloneExports(exports: Iterable<ExportResource>): Outcome<ExportEntry> {
  const outcome: Outcome<ExportEntry> = { rows: {}, statuses: new Map() };
  for (const exported of exports) {
    const key = keyOf(exported);
    const row = rowOf(exported);
    if (row) outcome.rows[key] = row;
    outcome.statuses.set(
      key,
      row
        ? condition("ExportValid", "True", "Valid", "Peers can reach the service where policies allow it.")
        : condition("ExportValid", "False", "HostMissing", "A site without Kubernetes has no Services: set spec.host."),
    );
  }
  return outcome;
}
