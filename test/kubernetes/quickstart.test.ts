/** The quickstart's scripts, as far as they need no cluster; cluster.test.ts runs them. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { completed } from "../completed.ts";
import { requires } from "../requires.ts";

const root = join(import.meta.dir, "..", "..");
const shellcheck = requires("shellcheck");

async function run(command: string[]): Promise<{ code: number; out: string }> {
  const env = { ...process.env, HOME: "/nowhere" };
  const { code, out, err } = await completed(command, { cwd: root, env });
  return { code, out: out + err };
}

// shellcheck is the judge.
test.skipIf(shellcheck.skip)(`shellcheck finds nothing in the scripts ${shellcheck.reason}`, async () => {
  const scripts = ["kind/quickstart.sh", "kind/provider-kind.sh", "test/kubernetes/provider-cluster.sh"];
  expect(await run(["shellcheck", "--external-sources", ...scripts])).toEqual({ code: 0, out: "" });
});

describe("--print shows every command, and runs none", () => {
  const cases: [command: string, shown: string[]][] = [
    [
      "up",
      [
        "kind create cluster --name clusterlink-server",
        "kind load image-archive",
        "clusterlink deploy peer --name client",
      ],
    ],
    ["demo", ["apply --filename kind/export.yaml", "exec shop -- timeout 5 wget", "clusterlink get imports"]],
    ["down", ["kind delete cluster --name clusterlink-client", "kind delete cluster --name clusterlink-server"]],
  ];
  test.each(cases)("of %s", async (command, shown) => {
    const { code, out } = await run(["kind/quickstart.sh", command, "--print"]);
    expect(code).toBe(0);
    for (const each of shown) expect(out).toContain(each);
    const lines = out.split("\n").filter((line) => line !== "" && !line.startsWith("# "));
    expect(lines.filter((line) => !line.startsWith("$ "))).toEqual([]);
  });
});

test("without a command it says what there is", async () => {
  const { code, out } = await run(["kind/quickstart.sh"]);
  expect(code).toBe(2);
  expect(out).toContain("usage: kind/quickstart.sh COMMAND");
});
