/** `/api/v1/namespaces`: there to be looked at; a namespace exists as soon as an object names it. */
import { createPrinter, partialMetadata, tableOf } from "./table.ts";
import type { Representation } from "./negotiate.ts";
import type { IncludeObject } from "./parameters.ts";

export interface NamespaceObject {
  apiVersion: "v1";
  kind: "Namespace";
  metadata: { name: string; labels: Record<string, string> };
  spec: object;
  status: { phase: "Active" };
}

const printer = createPrinter([
  { name: "Status", type: "string", jsonPath: ".status.phase", description: "Always Active." },
  { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp", description: "Not known." },
]);

/** @returns the namespace of that name as Kubernetes shows one. */
export function namespaceObject(name: string): NamespaceObject {
  return {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name, labels: { "kubernetes.io/metadata.name": name } },
    spec: {},
    status: { phase: "Active" },
  };
}

/** @returns one namespace, or a list of them, in the form that was asked for. */
export function showNamespaces(
  shown: NamespaceObject | NamespaceObject[],
  { form, metaVersion }: Representation,
  include: IncludeObject,
): object {
  const all = Array.isArray(shown) ? shown : [shown];
  if (form === "table") {
    return tableOf(
      metaVersion,
      {},
      printer.columns,
      all.map((one) => printer.row(one, 0, include, metaVersion)),
    );
  }
  if (form === "metadata") {
    const items = all.map((one) => partialMetadata(one, metaVersion));
    return Array.isArray(shown)
      ? { kind: "PartialObjectMetadataList", apiVersion: metaVersion, metadata: {}, items }
      : (items[0] ?? {});
  }
  return Array.isArray(shown)
    ? { apiVersion: "v1", kind: "NamespaceList", metadata: { resourceVersion: "0" }, items: shown }
    : shown;
}
