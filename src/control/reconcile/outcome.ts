import type { ObjectKey } from "../../resources/meta.ts";
import type { TableName } from "../../snapshot/tables.ts";
import type { WantedCondition, WantedStatus } from "../status-writer.ts";

/** The tables of the snapshot that objects lead to. */
export type Section = Exclude<TableName, "site">;

/** What the objects of a kind lead to: rows of a table of the snapshot, and the status of each object. */
export interface Outcome<Row> {
  rows: Record<string, Row>;
  statuses: Map<ObjectKey, WantedStatus>;
}

/** A status of one condition. */
export function condition(
  type: string,
  status: WantedCondition["status"],
  reason: string,
  message: string,
  fields?: Record<string, unknown>,
): WantedStatus {
  return { conditions: [{ type, status, reason, message }], ...(fields === undefined ? {} : { fields }) };
}
