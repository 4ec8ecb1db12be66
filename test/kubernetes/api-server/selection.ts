import { matchesLabels, parseLabelSelector, SelectorError } from "../../../src/resources/selector.ts";
import { badRequest } from "./failure.ts";
import { asObject, at, type Stored } from "./json.ts";
import { type Resource, resourceName } from "./resources.ts";

export type Selects = (object: Stored) => boolean;

/** The fields that an API server selects by, besides name and namespace. */
const FIELDS: Record<string, string[]> = {
  pods: ["spec.nodeName", "spec.restartPolicy", "spec.serviceAccountName", "status.phase", "status.podIP"],
  events: ["involvedObject.kind", "involvedObject.name", "involvedObject.namespace", "reason", "type"],
  secrets: ["type"],
  services: ["spec.clusterIP", "spec.type"],
  namespaces: ["status.phase"],
};

/** @throws Failure 400 for a selector that an API server refuses */
export function selectionOf(resource: Resource, namespace: string | undefined, query: URLSearchParams): Selects {
  const labels = readLabels(query.get("labelSelector") ?? "");
  const fields = readFields(resource, query.get("fieldSelector") ?? "");
  return (object) =>
    (namespace === undefined || object.metadata["namespace"] === namespace) &&
    matchesLabels(labels, asObject(object.metadata["labels"]) as Record<string, string>) &&
    fields.every(({ path, equal, value }) => ((at(object, path) ?? "") === value) === equal);
}

function readLabels(text: string): ReturnType<typeof parseLabelSelector> {
  try {
    return parseLabelSelector(text);
  } catch (error) {
    throw error instanceof SelectorError ? badRequest(`unable to parse requirement: ${error.message}`) : error;
  }
}

function readFields(resource: Resource, text: string): { path: string; equal: boolean; value: string }[] {
  const known = ["metadata.name", "metadata.namespace", ...(FIELDS[resourceName(resource)] ?? [])];
  return text
    .split(",")
    .filter((part) => part !== "")
    .map((part) => {
      const [, path = "", operator = "", value = ""] = /^([^=!]+)(==|=|!=)(.*)$/.exec(part) ?? [];
      if (operator === "") throw badRequest(`invalid selector: '${part}'; can't understand '${part}'`);
      if (!known.includes(path)) throw badRequest(`field label not supported: ${path}`);
      return { path, equal: operator !== "!=", value };
    });
}
