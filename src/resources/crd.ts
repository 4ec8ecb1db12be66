/** The kinds as CustomResourceDefinitions. Pure; `scripts/crds.ts` writes them to `manifests/crds`. */
import { KIND_NAMES, KINDS, type KindName, type PrinterColumn } from "./kinds.ts";
import { GROUP, VERSION } from "./meta.ts";
import { type JsonSchema, structuralSchema } from "./schema.ts";

export interface CustomResourceDefinition {
  apiVersion: "apiextensions.k8s.io/v1";
  kind: "CustomResourceDefinition";
  metadata: { name: string };
  spec: {
    group: string;
    scope: "Namespaced" | "Cluster";
    names: {
      kind: string;
      listKind: string;
      plural: string;
      singular: string;
      shortNames: string[];
      categories: string[];
    };
    versions: {
      name: string;
      served: true;
      storage: true;
      subresources: { status: Record<string, never> };
      additionalPrinterColumns: PrinterColumn[];
      schema: { openAPIV3Schema: JsonSchema };
    }[];
  };
}

/** The kinds that have a CRD: all but those that only a standalone site has, and the operator's. */
export const CRD_KINDS: readonly KindName[] = [...KIND_NAMES.filter((kind) => !KINDS[kind].standaloneOnly), "Instance"];

/** @returns the CRD of a kind. */
export function customResourceDefinition(kind: KindName): CustomResourceDefinition {
  const { plural, singular, shortNames, categories, namespaced, columns } = KINDS[kind];
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${GROUP}` },
    spec: {
      group: GROUP,
      scope: namespaced ? "Namespaced" : "Cluster",
      names: { kind, listKind: `${kind}List`, plural, singular, shortNames, categories },
      versions: [
        {
          name: VERSION,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: columns,
          schema: { openAPIV3Schema: structuralSchema(kind) },
        },
      ],
    },
  };
}
