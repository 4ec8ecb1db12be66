/** The objects in the text of a manifest file: YAML with several documents, or JSON. Pure. */
import { type Fault, formatFaults } from "../resources/faults.ts";
import { isKindName, KIND_NAMES, KINDS, type KindName } from "../resources/kinds.ts";
import { keyOf } from "../resources/meta.ts";
import { validate } from "../resources/validate.ts";
import type { ManifestObject } from "./standalone/apply.ts";
import { parseYaml } from "./yaml-text.ts";

export type ManifestText = { ok: true; objects: ManifestObject[] } | { ok: false; problems: string[] };

export interface ManifestDefaults {
  /** The gateway's own namespace: where a Peer without a namespace is. Everything else is in `default`. */
  namespace: string;
}

/** Upper bounds of one file's content; texts that expand (YAML aliases) and cycles do not get past them. */
const LARGEST = { nodes: 500_000, depth: 100, object: 1024 * 1024 };

/**
 * Reads and judges every object of a file: documents, `List`s, and lists of a kind. A v1 Namespace is accepted and
 * ignored, because a namespace exists as soon as an object names it.
 *
 * @returns the objects, or everything that is wrong with the file
 */
export function parseManifest(text: string, format: "yaml" | "json", defaults: ManifestDefaults): ManifestText {
  let parsed: unknown;
  try {
    parsed = format === "json" ? JSON.parse(text) : parseYaml(text);
  } catch (error) {
    return { ok: false, problems: [error instanceof Error ? error.message : String(error)] };
  }
  if (!isBounded(parsed))
    return { ok: false, problems: [`holds more than ${LARGEST.nodes} values, or is nested too deeply`] };
  const documents = Array.isArray(parsed) ? parsed : [parsed];
  const objects: ManifestObject[] = [];
  const problems: string[] = [];
  for (const [i, document] of documents.flatMap(itemsOf).entries()) {
    const read = readObject(document, i + 1, defaults);
    if (typeof read === "string") problems.push(read);
    else if (read) objects.push(read);
  }
  problems.push(...repeated(objects));
  return problems.length === 0 ? { ok: true, objects } : { ok: false, problems };
}

function itemsOf(document: unknown): unknown[] {
  if (document === null || document === undefined) return [];
  const isList = isRecord(document) && typeof document.kind === "string" && document.kind.endsWith("List");
  return isList && Array.isArray(document.items) ? document.items : [document];
}

function readObject(document: unknown, index: number, defaults: ManifestDefaults): ManifestObject | string | undefined {
  const place = `object ${index}`;
  if (!isRecord(document)) return `${place}: must be an object with apiVersion, kind, metadata and spec`;
  const { apiVersion, kind } = document;
  if (apiVersion === "v1" && kind === "Namespace") return undefined;
  if (typeof kind !== "string" || !isKindName(kind)) {
    return `${place}: kind: Unsupported value: ${JSON.stringify(kind ?? "")}: supported values: ${KIND_NAMES.join(", ")}`;
  }
  return readKind(kind, document, place, defaults);
}

function readKind(
  kind: KindName,
  document: Record<string, unknown>,
  place: string,
  defaults: ManifestDefaults,
): ManifestObject | string {
  const metadata = isRecord(document.metadata) ? document.metadata : {};
  const home = kind === "Peer" ? defaults.namespace : "default";
  const namespaced = KINDS[kind].namespaced ? { namespace: home, ...withoutEmpty(metadata) } : metadata;
  const result = validate(kind, { ...document, metadata: namespaced });
  const name = typeof metadata.name === "string" ? ` ${JSON.stringify(metadata.name.slice(0, 253))}` : "";
  const described = (faults: readonly Fault[]) => `${place} (${KINDS[kind].singular}${name}): ${formatFaults(faults)}`;
  if (!result.ok) return described(result.faults);
  if (result.object.metadata.name === "") {
    return described([
      { path: "metadata.name", type: "FieldValueRequired", message: "Required value: a manifest gives the name" },
    ]);
  }
  if (Buffer.byteLength(JSON.stringify(result.object)) > LARGEST.object) {
    return described([
      {
        path: "",
        type: "FieldValueTooLong",
        message: `Too long: an object may not be larger than ${LARGEST.object} bytes`,
      },
    ]);
  }
  const plain: ManifestObject["object"] = JSON.parse(JSON.stringify(result.object));
  return { kind, object: plain } as ManifestObject;
}

function repeated(objects: readonly ManifestObject[]): string[] {
  const ids = objects.map(({ kind, object }) => `${KINDS[kind].singular} ${keyOf(object)}`);
  const seen = new Set<string>();
  const twice = new Set(ids.filter((id) => seen.size === seen.add(id).size));
  return [...twice].map((id) => `${id} is in the file twice; keep one`);
}

/** An empty or null namespace counts as none. */
function withoutEmpty(metadata: Record<string, unknown>): Record<string, unknown> {
  const { namespace, ...rest } = metadata;
  return namespace === undefined || namespace === null || namespace === "" ? rest : metadata;
}

function isBounded(value: unknown): boolean {
  let nodes = 0;
  const visit = (node: unknown, depth: number): boolean => {
    nodes += 1;
    if (nodes > LARGEST.nodes || depth > LARGEST.depth) return false;
    if (typeof node !== "object" || node === null) return true;
    return Object.values(node).every((each) => visit(each, depth + 1));
  };
  return visit(value, 0);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
