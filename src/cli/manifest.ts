/** The objects in the text of a manifest. */
import { parseYaml } from "../store/yaml-text.ts";

/** An object as a user wrote it: checked only as far as is needed to send it to the right place. */
export interface ResourceManifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string };
}

/**
 * @returns the objects of a YAML or JSON text: every document, and every item of a list. Empty documents are skipped, and
 * so are v1 Namespaces, because a namespace exists as soon as an object names it.
 * Throws an Error that tells which document is wrong and how.
 */
export function manifestsOf(text: string): ResourceManifest[] {
  const parsed = parseYaml(text);
  const documents: unknown[] = Array.isArray(parsed) ? parsed : [parsed];
  const filled = documents.filter((document) => document !== null && document !== undefined);
  return filled.flatMap((document, index) => objectsOf(document, `object ${index + 1}`));
}

function objectsOf(document: unknown, where: string): ResourceManifest[] {
  if (!isRecord(document)) throw new Error(`${where} is no object with 'apiVersion', 'kind' and 'metadata'`);
  const { apiVersion, kind, metadata, items } = document;
  if (typeof apiVersion !== "string") throw new Error(`${where} has no 'apiVersion'`);
  if (typeof kind !== "string") throw new Error(`${where} has no 'kind'`);
  if (apiVersion === "v1" && kind === "Namespace") return [];
  if (kind.endsWith("List") && Array.isArray(items)) {
    return items.flatMap((item, index) => objectsOf(item, `${where}, item ${index + 1}`));
  }
  if (!isRecord(metadata) || typeof metadata.name !== "string" || metadata.name === "") {
    throw new Error(`${where} (${kind}) has no 'metadata.name'`);
  }
  const { name, namespace } = metadata;
  if (namespace !== undefined && typeof namespace !== "string") {
    throw new Error(`${where} (${kind} '${name}'): 'metadata.namespace' is no text`);
  }
  return [
    {
      ...document,
      apiVersion,
      kind,
      metadata: { ...metadata, name, ...(namespace === undefined ? {} : { namespace }) },
    },
  ];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
