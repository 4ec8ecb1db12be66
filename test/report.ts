/** Reads the report of `bun test` (JUnit's XML) into totals. */

/** What came of the tests. */
export interface Totals {
  readonly passed: number;
  readonly failed: number;
  /** The names of those that did not run, which say why. */
  readonly skipped: readonly string[];
}

/** @returns the sum of two. */
export function addTotals(a: Totals, b: Totals): Totals {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: [...a.skipped, ...b.skipped] };
}

/** @param xml - the report; an empty one counts nothing. */
export function readReport(xml: string): Totals {
  let passed = 0;
  let failed = 0;
  const skipped: string[] = [];
  for (const [, attributes = "", body = ""] of xml.matchAll(/<testcase\b([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g)) {
    if (body.includes("<skipped")) skipped.push(nameOf(attributes));
    else if (/<(failure|error)\b/.test(body)) failed += 1;
    else passed += 1;
  }
  return { passed, failed, skipped };
}

/** With the names of the groups around it: the reason of a skip may stand there. */
function nameOf(attributes: string): string {
  const names = [attribute(attributes, "classname"), attribute(attributes, "name")];
  return `${attribute(attributes, "file")}: ${names.filter((name) => name !== "").join(" > ")}`;
}

const ENTITIES: Record<string, string> = { "&lt;": "<", "&gt;": ">", "&quot;": '"', "&apos;": "'", "&amp;": "&" };

function attribute(text: string, name: string): string {
  const value = new RegExp(`\\b${name}="([^"]*)"`).exec(text)?.[1] ?? "";
  return value.replace(/&(?:lt|gt|quot|apos|amp);/g, (entity) => ENTITIES[entity] ?? entity);
}
