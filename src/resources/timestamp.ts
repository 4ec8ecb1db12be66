import { z } from "zod";

const RFC_3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/;

/** An RFC 3339 time. */
export const timestamp = z
  .string()
  .refine(
    (text) => RFC_3339.test(text) && !Number.isNaN(Date.parse(text)),
    "must be an RFC 3339 time (for example '2026-01-31T12:00:00Z')",
  )
  .meta({ format: "date-time" });

/**
 * @param milliseconds - since the epoch
 * @returns the RFC 3339 text in UTC, to the second, as object metadata and conditions have it
 */
export function formatTimestamp(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;
}
