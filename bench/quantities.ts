/** Quantities for people. */
import type { Axis } from "./result.ts";

const PREFIXES = ["", "Ki", "Mi", "Gi"];

/** @returns a value of an axis: 5000 as `5 000`, or 65536 bytes as `64 KiB`. */
export function formatQuantity(value: number, unit: Axis["unit"]): string {
  if (unit === "count") return value.toLocaleString("en-US").replaceAll(",", " ");
  const power = Math.min(PREFIXES.length - 1, Math.max(0, Math.floor(Math.log2(value) / 10)));
  return `${Number((value / 1024 ** power).toPrecision(3))} ${PREFIXES[power]}B`;
}
