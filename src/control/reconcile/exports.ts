import { formatHostPort } from "../../resources/address.ts";
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
        ? condition("ExportValid", "True", "Valid", validExportMessage(row))
        : condition("ExportValid", "False", "HostMissing", "A site without Kubernetes has no Services: set spec.host."),
    );
  }
  return outcome;
}

/** @returns what a valid Export says of itself; whether somebody answers there shows with each connection. */
export function validExportMessage({ host, port }: Pick<ExportEntry, "host" | "port">): string {
  return `Connections of peers lead to ${formatHostPort(host, port)} where policies allow them.`;
}
