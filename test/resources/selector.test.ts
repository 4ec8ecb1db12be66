import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  type LabelOperator,
  type LabelSelector,
  matchesFields,
  matchesLabels,
  parseFieldSelector,
  parseLabelSelector,
  SelectorError,
} from "../../src/resources/selector.ts";

describe("a label selector", () => {
  const labels = { app: "web", tier: "front", "example.com/n": "7", empty: "", in: "x" };
  test.each([
    ["empty selects everything", "", true],
    ["spaces alone select everything", "  ", true],
    ["equality", "app=web", true],
    ["equality with ==", "app == web", true],
    ["equality fails on another value", "app=db", false],
    ["equality fails on an absent key", "nope=web", false],
    ["no value is the empty value", "empty=", true],
    ["inequality", "app!=db", true],
    ["inequality holds for an absent key", "nope!=db", true],
    ["in", "app in (db, web)", true],
    ["in fails on an absent key", "nope in (db)", false],
    ["in with an empty value", "empty in (,a)", true],
    ["notin", "app notin (db,web)", false],
    ["notin holds for an absent key", "nope notin (db)", true],
    ["exists", "app", true],
    ["exists fails on an absent key", "nope", false],
    ["absent", "!nope", true],
    ["absent fails on a present key", "!app", false],
    ["greater than", "example.com/n>6", true],
    ["greater than is strict", "example.com/n > 7", false],
    ["less than", "example.com/n<8", true],
    ["a comparison with a value that is no number fails", "app>1", false],
    ["all requirements must hold", "app=web,tier=back", false],
    ["several requirements", "app=web,tier in (front),!nope", true],
    ["a key may be called in", "in in (x)", true],
    ["an inherited property is no label", "toString", false],
  ])("%s", (_rule, text, matches) => {
    expect(matchesLabels(parseLabelSelector(text), labels)).toBe(matches);
  });

  test.each([
    ["=a"],
    ["a=b,"],
    [",a=b"],
    ["a b"],
    ["a in b"],
    ["a in (b"],
    ["a in"],
    ["a=b=c"],
    ["!"],
    ["!a=b"],
    ["a>x"],
    ["-a=b"],
    ["a=b c"],
    ["a=-b"],
    ["a/b/c=d"],
    ["a in (b))"],
    ["(a)"],
    ["app constructor web"],
    [`a=${"x".repeat(64)}`],
    [`${"a,".repeat(9000)}a`],
  ])("%p is refused", (text) => {
    expect(() => parseLabelSelector(text)).toThrow(SelectorError);
  });

  test("reads what a writer of the grammar writes", () => {
    const key = fc.constantFrom("a", "b.c", "example.com/d", "in", "notin", "e-f_g");
    const value = fc.constantFrom("", "x", "y.z", "in", "A-1");
    const spaced = fc.constantFrom("", " ", "  ");
    const requirement = fc.record({
      key,
      operator: fc.constantFrom<LabelOperator>("in", "notin", "exists", "absent", "gt", "lt"),
      values: fc.uniqueArray(value, { minLength: 1 }).map((all) => all.sort()),
      number: fc.integer({ min: 0, max: 999 }).map(String),
    });
    fc.assert(
      fc.property(fc.array(requirement, { minLength: 1, maxLength: 5 }), spaced, (all, gap) => {
        const expected: LabelSelector = all.map(({ key, operator, values, number }) => {
          if (operator === "gt" || operator === "lt") return { key, operator, values: [number] };
          return { key, operator, values: operator === "in" || operator === "notin" ? values : [] };
        });
        const text = expected
          .map(({ key, operator, values }) => {
            if (operator === "exists") return `${gap}${key}${gap}`;
            if (operator === "absent") return `!${gap}${key}`;
            if (operator === "gt" || operator === "lt")
              return `${key}${gap}${operator === "gt" ? ">" : "<"}${gap}${values[0]}`;
            return `${key} ${operator} (${gap}${values.join(`${gap},${gap}`)}${gap})`;
          })
          .join(`${gap},${gap}`);
        expect(parseLabelSelector(text)).toEqual(expected);
      }),
    );
  });

  test("any text is read or refused, never anything else", () => {
    const piece = fc.constantFrom("a", "=", "!", "in", "notin", "(", ")", ",", " ", ">", "<", "é", "\u0000", "/");
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 14 }), (parts) => {
        try {
          expect(typeof matchesLabels(parseLabelSelector(parts.join("")), { a: "1" })).toBe("boolean");
        } catch (error) {
          expect(error).toBeInstanceOf(SelectorError);
        }
      }),
    );
  });
});

describe("a field selector", () => {
  const object = { name: "web", namespace: "shop" };
  test.each([
    ["", true],
    ["metadata.name=web", true],
    ["metadata.name==web", true],
    ["metadata.name=db", false],
    ["metadata.name!=db", true],
    ["metadata.namespace=shop,metadata.name=web", true],
    ["metadata.namespace=shop,metadata.name!=web", false],
  ])("%p: %p", (text, matches) => {
    expect(matchesFields(parseFieldSelector(text), object)).toBe(matches);
  });

  test("a cluster-scoped object has the empty namespace", () => {
    expect(matchesFields(parseFieldSelector("metadata.namespace="), { name: "x" })).toBe(true);
  });

  test.each(["spec.port=80", "metadata.name", "metadata.name in (a)", "a=b=c", "metadata.name=a,"])(
    "%p is refused",
    (text) => {
      expect(() => parseFieldSelector(text)).toThrow(SelectorError);
    },
  );
  test("a text that is longer than a label selector may be is refused", () => {
    const text = `${"metadata.name!=a,".repeat(1000)}metadata.name!=a`;
    expect(() => parseFieldSelector(text)).toThrow(SelectorError);
  });
});
