/** Where an object of a manifest lives: its kind and namespace. */
import { KINDS, type KindDefinition } from "../resources/kinds.ts";
import { API_VERSION } from "../resources/meta.ts";
import { CliError } from "./errors.ts";
import type { ResourceManifest } from "./manifest.ts";
import type { NamespaceFinder } from "./namespace.ts";

export interface Place {
  definition: KindDefinition;
  /** Absent for cluster-scoped kinds. */
  namespace?: string;
  name: string;
}

/**
 * Finds the place of an object; `given` is the user's `-n`, `find` tells the namespace of an object that names none.
 *
 * Throws an input error for an unknown kind or version, and for a namespace that differs from `-n`.
 */
export async function placeOf(
  manifest: ResourceManifest,
  given: string | undefined,
  find: NamespaceFinder,
): Promise<Place> {
  const { apiVersion, kind, metadata } = manifest;
  const { name } = metadata;
  const all: KindDefinition[] = Object.values(KINDS);
  const definition = all.find((one) => one.kind === kind);
  if (apiVersion !== API_VERSION || definition === undefined) {
    const kinds = all.map((one) => one.kind).join(", ");
    throw new CliError("input", `${kind} '${name}' of ${apiVersion} is unknown: ${API_VERSION} has ${kinds}`);
  }
  if (!definition.namespaced) return { definition, name };
  if (given !== undefined && metadata.namespace !== undefined && metadata.namespace !== given) {
    throw new CliError(
      "input",
      `${kind} '${name}' is in namespace '${metadata.namespace}', not in '${given}' as -n says`,
    );
  }
  return placeIn(definition, metadata.namespace ?? (await find(definition)), name);
}

/** @returns the place of that name. */
export function placeIn(definition: KindDefinition, namespace: string | undefined, name: string): Place {
  return namespace === undefined ? { definition, name } : { definition, namespace, name };
}
