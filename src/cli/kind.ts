/** How users name kinds and objects, and where the API has them. */
import { KIND_NAMES, KINDS, type KindDefinition } from "../resources/kinds.ts";
import { API_VERSION, GROUP } from "../resources/meta.ts";
import { CliError } from "./errors.ts";
import { nearest } from "./nearest.ts";

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
  const near = nearest(name, all.flatMap(namesOf));
  const hint = near === undefined ? "" : ` (did you mean ${near}?)`;
  const kinds = all.map((definition) => definition.plural).join(", ");
  throw new CliError("usage", `'${word}' is no kind: use one of ${kinds}${hint}`);
}

function namesOf(definition: KindDefinition): string[] {
  return [definition.kind.toLowerCase(), definition.singular, definition.plural, ...definition.shortNames];
}

/** What a command asks: a site over its own API, or a cluster's API server. */
type Asked = "unix" | "https" | "cluster";

/**
 * @returns the kinds of a KIND argument: one, several parted by commas, or `all` that are served there.
 */
export function findKinds(words: string, asked: Asked): KindDefinition[] {
  if (words.toLowerCase() !== "all") return words.split(",").map(findKind);
  const all: KindDefinition[] = KIND_NAMES.map((kind) => KINDS[kind]);
  return all.filter((definition) => isServed(definition, asked));
}

/** What the words of a command name: a kind, or one object of it. */
export interface Target {
  definition: KindDefinition;
  name?: string;
}

/**
 * Reads `KIND`, `KIND NAME…` or `KIND/NAME…`; `find` tells which kinds a word may stand for.
 *
 * Throws a usage error for an unknown kind, for a mix of the forms, and for an empty or qualified name.
 */
export function targetsOf(
  first: string,
  others: readonly string[],
  find: (word: string) => KindDefinition[],
): Target[] {
  if (first.includes("/")) return [first, ...others].flatMap((word) => slashTarget(word, find));
  const definitions = find(first);
  for (const name of others) {
    if (!name.includes("/")) continue;
    const [namespace, rest] = name.split("/", 2);
    throw new CliError("usage", `'${name}' is no name: for '${rest}' in namespace '${namespace}' give -n ${namespace}`);
  }
  if (others.length === 0) return definitions.map((definition) => ({ definition }));
  return definitions.flatMap((definition) => others.map((name) => named(definition, name)));
}

function slashTarget(word: string, find: (word: string) => KindDefinition[]): Target[] {
  const [kind = "", name, ...more] = word.split("/");
  const definitions = find(kind);
  if (name === undefined || more.length > 0) {
    throw new CliError("usage", `'${word}' is no KIND/NAME, as the others are: write for example import/web`);
  }
  return definitions.map((definition) => named(definition, name));
}

function named(definition: KindDefinition, name: string): Target {
  if (name !== "") return { definition, name };
  throw new CliError("usage", `the name is empty: write for example ${definition.singular}/web`);
}

function isServed({ kind, standaloneOnly }: KindDefinition, asked: Asked): boolean {
  return asked === "cluster" ? standaloneOnly !== true : KIND_NAMES.some((name) => name === kind);
}

/** Throws a usage error for a kind that is unknown there: only clusters have Instances, only other sites Workloads. */
export function checkServed(definition: KindDefinition, asked: Asked): void {
  if (isServed(definition, asked)) return;
  const { plural } = definition;
  throw new CliError(
    "usage",
    asked === "cluster"
      ? `a cluster has no ${plural}, since its pods are the clients: ask a site without Kubernetes with --server`
      : `a site without Kubernetes has no ${plural}: ask the cluster with --server kubernetes`,
  );
}

/**
 * @returns the path of a collection, in all namespaces when none is given, or of an object in it.
 *
 * Throws a usage error for a name or namespace that a path cannot have.
 */
export function resourcePath(definition: KindDefinition, namespace?: string, name?: string): string {
  const scope = definition.namespaced && namespace !== undefined ? `/namespaces/${segment(namespace)}` : "";
  const object = name === undefined ? "" : `/${segment(name)}`;
  return `/apis/${API_VERSION}${scope}/${definition.plural}${object}`;
}

/** In a URL these two are the folder itself and the one above: `delete import .` would delete all Imports. */
function segment(name: string): string {
  if (name === "." || name === "..") throw new CliError("usage", `'${name}' is no name: it may not be '.' or '..'`);
  return encodeURIComponent(name);
}

/** @returns how the object is called in messages, as kubectl does: `import.clusterlink.net/web`. */
export function qualifiedName(definition: KindDefinition, name: string): string {
  return `${definition.singular}.${GROUP}/${name}`;
}
