import { isObject } from "./json.ts";

type Step = { field: string } | { every: true } | { where: { field: string; equals: string } };

const STEP = /\.([A-Za-z_][\w-]*)|\[(\*)\]|\[\?\(@\.([\w-]+)==["']([^"']*)["']\)\]/y;

/**
 * Compiles the part of JSONPath that printer columns use: `.field`, `[*]` and `[?(@.field=="text")]`.
 * @returns a function that finds every value at the path
 * @throws {RangeError} for anything else
 */
export function compileJsonPath(path: string): (value: unknown) => unknown[] {
  const steps: Step[] = [];
  STEP.lastIndex = 0;
  while (STEP.lastIndex < path.length) {
    const at = STEP.lastIndex;
    const match = STEP.exec(path);
    if (match === null) throw new RangeError(`${JSON.stringify(path)} is not understood from position ${at} on`);
    const [, field, every, key, equals] = match;
    if (field !== undefined) steps.push({ field });
    else if (every !== undefined) steps.push({ every: true });
    else if (key !== undefined && equals !== undefined) steps.push({ where: { field: key, equals } });
  }
  return (value) => steps.reduce<unknown[]>((found, step) => found.flatMap((one) => take(one, step)), [value]);
}

function take(value: unknown, step: Step): unknown[] {
  if ("field" in step) {
    const next = isObject(value) && Object.hasOwn(value, step.field) ? value[step.field] : undefined;
    return next === undefined || next === null ? [] : [next];
  }
  if (!Array.isArray(value)) return [];
  if ("every" in step) return value;
  return value.filter((item) => isObject(item) && item[step.where.field] === step.where.equals);
}
