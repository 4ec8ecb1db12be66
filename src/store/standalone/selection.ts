/** Which objects a list or watch is about. */
import {
  matchesFields,
  matchesLabels,
  parseFieldSelector,
  parseLabelSelector,
  SelectorError,
} from "../../resources/selector.ts";
import { StoreError } from "../errors.ts";
import type { ListOptions } from "../store.ts";
import type { Change } from "./history.ts";

export interface Selection {
  namespace: string | undefined;
  /** Whether there is a selector: then the number of remaining items is not known. */
  selective: boolean;
  /** Whether the object of this text is selected. */
  has(entry: { namespace: string; name: string; object: string }): boolean;
}

/**
 * @returns the selection of these options.
 * @throws {@link StoreError} `Invalid` with the selector's fault
 */
export function selectionOf(options: Pick<ListOptions, "namespace" | "labelSelector" | "fieldSelector">): Selection {
  const labels = reading("labelSelector", () => parseLabelSelector(options.labelSelector ?? ""));
  const fields = reading("fieldSelector", () => parseFieldSelector(options.fieldSelector ?? ""));
  const { namespace } = options;
  return {
    namespace,
    selective: labels.length + fields.length > 0,
    has: (entry) =>
      (namespace === undefined || entry.namespace === namespace) &&
      matchesFields(fields, entry) &&
      (labels.length === 0 || matchesLabels(labels, labelsIn(entry.object))),
  };
}

/** What a watcher with a selection sees of a change; the texts still have to be parsed. */
export interface Seen {
  type: Change["type"];
  object: string;
  version: number;
}

/**
 * @returns the change as the selection sees it, as a Kubernetes API server tells it: an object that enters the
 * selection is ADDED, one that leaves it DELETED with its last selected state at the version of the change.
 */
export function seenBy(selection: Selection, change: Change): Seen | undefined {
  const { namespace, name, version, object, previous } = change;
  const was = previous !== null && selection.has({ namespace, name, object: previous });
  const is = change.type !== "DELETED" && selection.has({ namespace, name, object });
  if (was && is) return { type: "MODIFIED", object, version };
  if (is) return { type: "ADDED", object, version };
  if (!was) return undefined;
  return { type: "DELETED", object: change.type === "DELETED" ? object : (previous ?? object), version };
}

function reading<T>(field: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof SelectorError)) throw error;
    const faults = [{ path: field, type: "FieldValueInvalid" as const, message: `Invalid value: ${error.message}` }];
    throw new StoreError("Invalid", error.message, { faults, cause: error });
  }
}

function labelsIn(text: string): Record<string, string> | undefined {
  const object: { metadata: { labels?: Record<string, string> } } = JSON.parse(text);
  return object.metadata.labels;
}
