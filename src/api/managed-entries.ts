/** `metadata.managedFields`, read and written. */
import type { ManagedFieldsEntry } from "../resources/meta.ts";
import { type FieldSet, fromFieldsV1, isEmpty, toFieldsV1 } from "./field-set.ts";
import { isObject } from "./json.ts";

/** One manager with the set of its fields. */
export interface Managed {
  entry: Omit<ManagedFieldsEntry, "fieldsV1">;
  set: FieldSet;
}

function decode(entries: unknown): Managed[] {
  if (!Array.isArray(entries)) return [];
  const decoded: Managed[] = [];
  for (const entry of entries as unknown[]) {
    if (!isObject(entry)) throw new RangeError("an entry of managedFields must be an object");
    const { manager, operation, apiVersion, time, subresource } = entry;
    if (typeof manager !== "string" || typeof apiVersion !== "string") {
      throw new RangeError("an entry of managedFields needs manager and apiVersion");
    }
    if (operation !== "Apply" && operation !== "Update") throw new RangeError("operation must be Apply or Update");
    decoded.push({
      entry: {
        manager,
        operation,
        apiVersion,
        ...(typeof time === "string" ? { time } : {}),
        fieldsType: "FieldsV1",
        ...(typeof subresource === "string" && subresource !== "" ? { subresource } : {}),
      },
      set: fromFieldsV1(entry["fieldsV1"] ?? {}),
    });
  }
  return decoded;
}

/** @returns the managers in `metadata.managedFields`; none where it cannot be read. */
export function decodeManaged(entries: unknown): Managed[] {
  try {
    return decode(entries);
  } catch (error) {
    if (error instanceof RangeError) return [];
    throw error;
  }
}

/** @returns `metadata.managedFields` in the order of Kubernetes, without managers of nothing. */
export function encodeManaged(managed: readonly Managed[]): ManagedFieldsEntry[] {
  const rank = ({ entry }: Managed) =>
    `${entry.operation} ${entry.time ?? ""} ${entry.manager} ${entry.subresource ?? ""}`;
  return managed
    .filter(({ set }) => !isEmpty(set))
    .sort((a, b) => (rank(a) < rank(b) ? -1 : 1))
    .map(({ entry, set }) => {
      const { subresource, ...rest } = entry;
      return { ...rest, fieldsV1: toFieldsV1(set), ...(subresource === undefined ? {} : { subresource }) };
    });
}
