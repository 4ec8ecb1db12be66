/** How users name kinds and objects, and where the API has them. */
import { KIND_NAMES, KINDS, type KindDefinition } from "../resources/kinds.ts";
import { API_VERSION, GROUP } from "../resources/meta.ts";
import { CliError } from "./errors.ts";

/**
 * Finds a kind by what a user calls it: kind, singular, plural or short name in any case, with or without
 * `.clusterlink.net`.
 *
 * Throws a usage error that lists the kinds.
 */
export function findKind(word: string): KindDefinition {
  const name = word.toLowerCase().replace(new RegExp(`(\\.v1alpha1)?\\.${GROUP.replaceAll(".", "\\.")}$`), "");
  const all: KindDefinition[] = Object.values(KINDS);
  const found = all.find((definition) => namesOf(definition).includes(name));
  if (found !== undefined) return found;
  throw new CliError(
    "usage",
    `'${word}' is no kind: use one of ${all.map((definition) => definition.plural).join(", ")}`,
  );
}

function namesOf(definition: KindDefinition): string[] {
  return [definition.kind.toLowerCase(), definition.singular, definition.plural, ...definition.shortNames];
}

/**
 * @returns the kinds of a KIND argument: one, several parted by commas, or `all`.
 */
export function findKinds(words: string): KindDefinition[] {
  return words.toLowerCase() === "all" ? KIND_NAMES.map((kind) => KINDS[kind]) : words.split(",").map(findKind);
}

/** @returns the path of a collection, in all namespaces when none is given, or of an object in it. */
export function resourcePath(definition: KindDefinition, namespace?: string, name?: string): string {
  const scope = definition.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : "";
  const object = name === undefined ? "" : `/${encodeURIComponent(name)}`;
  return `/apis/${API_VERSION}${scope}/${definition.plural}${object}`;
}

/** @returns how the object is called in messages, as kubectl does: `import.clusterlink.net/web`. */
export function qualifiedName(definition: KindDefinition, name: string): string {
  return `${definition.singular}.${GROUP}/${name}`;
}
