/** The examples of docs/policy.md do what it says. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { destinationAttributes, sourceAttributes } from "../../src/policy/endpoints.ts";
import { PolicySet } from "../../src/policy/policy-set.ts";
import { accessPolicySpec } from "../../src/resources/access-policy.ts";
import type { PolicyEntry } from "../../src/snapshot/tables.ts";

const page = await Bun.file(join(import.meta.dir, "../../docs/policy.md")).text();

const entries = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].flatMap(([, yaml]) =>
  [Bun.YAML.parse(yaml!)].flat().map((document): PolicyEntry => {
    const { metadata, spec } = document as { metadata: { namespace: string; name: string }; spec: unknown };
    return { tier: "regular", ...metadata, spec: accessPolicySpec.parse(spec) };
  }),
);

/** Rows of the table of examples: who, to, outcome, policy. */
const rows = [...page.matchAll(/^\| (a client .*?) \| `(.*?)` \| (allowed|denied).*? \| `(.*?)` \|$/gm)];

test("the page has its three policies and six rows", () => {
  expect([entries.length, rows.length]).toEqual([3, 6]);
});

for (const [, who = "", to = "", outcome = "", policy = ""] of rows) {
  test(`${who} to ${to}: ${outcome} by ${policy}`, () => {
    const labels = Object.fromEntries([...who.matchAll(/`(\w+): (\w+)`/g)].map(([, key, value]) => [key!, value!]));
    const client = who.includes("cannot be identified") ? undefined : { namespace: "shop", labels };
    const from = sourceAttributes({ name: "east", labels: {} }, client);
    const destination = destinationAttributes(
      { name: "west", labels: {} },
      { name: to, namespace: "shop", labels: {} },
    );
    const decision = new PolicySet(entries).decide("shop", from, destination);
    expect([decision.allowed ? "allowed" : "denied", decision.policy]).toEqual([outcome, policy]);
  });
}
