import type { ExportResource } from "../../resources/kinds.ts";
import { keyOf, type ObjectKey } from "../../resources/meta.ts";
import type { ExportEntry } from "../../snapshot/tables.ts";
import type { Service } from "../../store/kubernetes/resource.ts";
import { validExportMessage } from "../reconcile/exports.ts";
import { condition, type Outcome } from "../reconcile/outcome.ts";

/**
 * Exports of a cluster: those without `spec.host` lead to the Service of their name, by its name in the cluster's DNS,
 * and are valid while it is there and has the port.
 */
export function reconcileKubernetesExports(
  exports: Iterable<ExportResource>,
  serviceOf: (key: ObjectKey) => Service | undefined,
): Outcome<ExportEntry> {
  const outcome: Outcome<ExportEntry> = { rows: {}, statuses: new Map() };
  for (const exported of exports) {
    const key = keyOf(exported);
    const { namespace = "", name, labels = {} } = exported.metadata;
    const { host = `${name}.${namespace}.svc`, port } = exported.spec;
    const fault = exported.spec.host === undefined ? faultOf(key, port, serviceOf(key)) : undefined;
    if (fault === undefined) outcome.rows[key] = { namespace, name, labels, host, port };
    outcome.statuses.set(
      key,
      fault === undefined
        ? condition("ExportValid", "True", "Valid", validExportMessage({ host, port }))
        : condition("ExportValid", "False", fault.reason, fault.message),
    );
  }
  return outcome;
}

function faultOf(
  key: ObjectKey,
  port: number,
  service: Service | undefined,
): { reason: string; message: string } | undefined {
  if (service === undefined) {
    const message = `There is no Service ${key}; create it, or set spec.host to where the service is.`;
    return { reason: "ServiceMissing", message };
  }
  const { type, clusterIP, ports = [] } = service.spec ?? {};
  const tcp = ports.filter(({ protocol = "TCP" }) => protocol === "TCP");
  if (tcp.some((each) => each.port === port)) return undefined;
  // Names that lead to a service directly, past any Service port, need not list it.
  if (ports.length === 0 && (type === "ExternalName" || clusterIP === "None")) return undefined;
  const there = tcp.length === 0 ? "none" : tcp.map((each) => each.port).join(", ");
  const message = `Service ${key} has no TCP port ${port} (it has ${there}); set spec.port to one that it has.`;
  return { reason: "PortMissing", message };
}
