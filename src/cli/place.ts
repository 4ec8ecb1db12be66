/** Where an object of a manifest lives: its kind and namespace. */
import { KINDS, type KindDefinition } from "../resources/kinds.ts";
import { API_VERSION } from "../resources/meta.ts";
import { CliError } from "./errors.ts";
import type { ResourceManifest } from "./manifest.ts";

/** The namespace of objects that name none. */
export const DEFAULT_NAMESPACE = "default";

export interface Place {
  definition: KindDefinition;
  /** Absent for cluster-scoped kinds. */
  namespace?: string;
  name: string;
}

/**
 * Finds the place of an object; `namespace` is the user's `-n`.
 *
 * Throws an input error for an unknown kind or version, and for a namespace that differs from `-n`.
 */
export function placeOf(manifest: ResourceManifest, namespace: string | undefined): Place {
  const { apiVersion, kind, metadata } = manifest;
  const all: KindDefinition[] = Object.values(KINDS);
  const definition = all.find((one) => one.kind === kind);
  if (apiVersion !== API_VERSION || definition === undefined) {
    const kinds = all.map((one) => one.kind).join(", ");
    throw new CliError("input", `${kind} '${metadata.name}' of ${apiVersion} is unknown: ${API_VERSION} has ${kinds}`);
  }
  if (!definition.namespaced) return { definition, name: metadata.name };
  if (namespace !== undefined && metadata.namespace !== undefined && metadata.namespace !== namespace) {
    throw new CliError(
      "input",
      `${kind} '${metadata.name}' is in namespace '${metadata.namespace}', not in '${namespace}' as -n says`,
    );
  }
  return { definition, name: metadata.name, namespace: metadata.namespace ?? namespace ?? DEFAULT_NAMESPACE };
}
