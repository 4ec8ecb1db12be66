import { describe, expect, test } from "bun:test";
import { parseYaml } from "../../src/store/yaml-text.ts";

test("YAML is read as it stands, several documents as a list", () => {
  expect(parseYaml("a: 1\n")).toEqual({ a: 1 });
  expect(parseYaml("a: 1\n---\nb: [2,\n 3]\n")).toEqual([{ a: 1 }, { b: [2, 3] }]);
});

describe("of text that is no YAML the line is told:", () => {
  test.each([
    ["a list without an end", "a: 1\nb: [1\nc: 2\n", 'line 2: "b: [1"'],
    ["an indentation that fits nothing", "metadata:\n  name: x\n spec: y\n", 'line 3: " spec: y"'],
    ["a tab", "a: 1\n---\nb: 2\n\tc: 3\n", 'line 4: "\\tc: 3"'],
    ["behind a list of several lines", "a: [1,\n 2]\nb: }\n", 'line 3: "b: }"'],
    ["in the first line", "a: b: c\n", 'line 1: "a: b: c"'],
    ["in a document without a first marker", "---\na: 1\n---\nb: c: d\n", 'line 4: "b: c: d"'],
  ])("%s", (_rule, text, place) => expect(() => parseYaml(text)).toThrow(place));
});

test("a large document is refused without a search for the line", () => {
  const text = `${"a: 1\n".repeat(401)}b: [\n`;
  expect(() => parseYaml(text)).toThrow(/^YAML Parse error: [^(]*$/);
});
