/**
 * The way from kubectl's client-side apply to its server-side apply, as Kubernetes paves it: what the annotation says
 * was applied, and still is so, may be taken over without a conflict.
 *
 * Source: k8s.io/apimachinery `managedfields`, the last-applied manager and updater.
 */
import { compare, difference, EMPTY_SET, type FieldSet, fieldsOf } from "./field-set.ts";
import { isObject, type JsonObject } from "./json.ts";

const ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration";

/** The field manager of `kubectl apply --server-side`; whoever names another one opts out. */
const KUBECTL = "kubectl";

function annotationsOf(object: JsonObject): JsonObject {
  const { metadata } = object;
  return isObject(metadata) && isObject(metadata["annotations"]) ? metadata["annotations"] : {};
}

/** @returns the fields of `live` that this manager may take over because it applied them before, client-side. */
export function takenOverFrom(live: JsonObject, manager: string, apiVersion: string): FieldSet {
  const text = annotationsOf(live)[ANNOTATION];
  if (manager !== KUBECTL || typeof text !== "string") return EMPTY_SET;
  const applied = parse(text);
  if (applied?.["apiVersion"] !== apiVersion) return EMPTY_SET;
  const { added, modified, removed } = compare(applied, live);
  return [added, modified, removed].reduce(difference, fieldsOf(applied));
}

/** @returns `after` with its annotation, where it has one, brought up to what this manager now applied. */
export function syncLastApplied(after: JsonObject, config: JsonObject, manager: string): JsonObject {
  const annotations = annotationsOf(after);
  if (manager !== KUBECTL || annotations[ANNOTATION] === undefined || !isObject(after["metadata"])) return after;
  const { [ANNOTATION]: _, ...kept } = annotationsOf(config);
  const { annotations: __, ...rest } = isObject(config["metadata"]) ? config["metadata"] : {};
  const metadata = Object.keys(kept).length === 0 ? rest : { ...rest, annotations: kept };
  const text = `${JSON.stringify({ ...config, metadata })}\n`;
  return { ...after, metadata: { ...after["metadata"], annotations: { ...annotations, [ANNOTATION]: text } } };
}

function parse(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
