/** `/api/v1/namespaces`: there to be looked at; a namespace exists as soon as an object names it. */

import type { Representation } from "./negotiate.ts";
import type { IncludeObject, ListParameters } from "./parameters.ts";
import { createPrinter, partialMetadata, tableOf } from "./table.ts";

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

/** A part of the namespaces, and the name after which the next part begins. */
export interface NamespacePage {
  items: NamespaceObject[];
  continue?: string;
}

/** @returns the page of the sorted namespaces that a list asks for; the continue token is the last name of the one before. */
export function pageOf(
  all: NamespaceObject[],
  { limit, continue: after }: Pick<ListParameters, "limit" | "continue">,
): NamespacePage {
  const left = after === undefined ? all : all.filter(({ metadata }) => metadata.name > after);
  const items = left.slice(0, limit);
  const last = items.at(-1);
  return items.length === left.length || last === undefined ? { items } : { items, continue: last.metadata.name };
}

/** @returns one namespace, or a page of them, in the form that was asked for. */
export function showNamespaces(
  shown: NamespaceObject | NamespacePage,
  { form, metaVersion }: Representation,
  include: IncludeObject,
): object {
  const isPage = "items" in shown;
  const all = isPage ? shown.items : [shown];
  const metadata = isPage && shown.continue !== undefined ? { continue: shown.continue } : {};
  if (form === "table") {
    return tableOf(
      metaVersion,
      metadata,
      printer.columns,
      all.map((one) => printer.row(one, 0, include, metaVersion)),
    );
  }
  if (form === "metadata") {
    const items = all.map((one) => partialMetadata(one, metaVersion));
    return isPage ? { kind: "PartialObjectMetadataList", apiVersion: metaVersion, metadata, items } : (items[0] ?? {});
  }
  return isPage ? { apiVersion: "v1", kind: "NamespaceList", metadata, items: all } : shown;
}
