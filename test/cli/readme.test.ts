/** The README's tour works as it stands: its blocks are run in order by one shell, on free ports. */
import { expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePorts } from "../../src/cli/demo/network.ts";
import { completed } from "../completed.ts";
import { requires } from "../requires.ts";
import { cleanEnvironment, command } from "./clusterlink.ts";

const README = readFileSync(join(import.meta.dir, "..", "..", "README.md"), "utf8");

const curl = requires("curl");
const node = requires("node");

/** The ports that the tour names. */
const PORTS = ["8443", "9443", "5000", "8080"];

function tourBlocks(): string[] {
  return [...README.matchAll(/^```sh tour\n([\s\S]*?)^```$/gm)].map((match) => match[1] ?? "");
}

// The blocks of the README call both programs.
test.skipIf(curl.skip || node.skip)(
  `the tour of the README runs to its end ${curl.reason || node.reason}`.trimEnd(),
  async () => {
    const blocks = tourBlocks();
    expect(blocks.length).toBeGreaterThan(5);
    const folder = mkdtempSync("/tmp/clusterlink-tour-");
    try {
      const free = await freePorts(PORTS.length);
      const script = PORTS.reduce((text, port, index) => text.replaceAll(port, String(free[index])), blocks.join("\n"));
      mkdirSync(join(folder, "bin"));
      writeFileSync(join(folder, "bin", "clusterlink"), `#!/bin/sh\nexec ${command().join(" ")} "$@"\n`);
      chmodSync(join(folder, "bin", "clusterlink"), 0o755);
      const tour = `trap 'kill $(jobs -p) 2>&-; wait' EXIT\n${script}`;
      const { code, out, err } = await completed(["bash", "-euo", "pipefail", "-c", tour], {
        cwd: folder,
        env: { ...cleanEnvironment(), PATH: `${join(folder, "bin")}:${process.env.PATH}` },
      });
      const logs = ["berlin.log", "oslo.log"].map((name) => readFileSync(join(folder, name), "utf8").slice(-2000));
      const story = [
        "refused, as nothing is allowed yet",
        "REFUSED: ",
        "accesspolicy.clusterlink.net/cart-to-web created",
        "allowed by shop/cart-to-web",
        "Guten Tag from Berlin",
        "accesspolicy.clusterlink.net/cart-to-web deleted",
        "refused again",
        "ALLOWED: ",
        "REFUSED: A connection from peer oslo to Export shop/web is denied by default-deny.",
        '"reason":"denied: the exporting site: ',
      ];
      let end = 0;
      const places = story.map((line) => {
        const place = out.indexOf(line, end);
        end = Math.max(end, place);
        return place;
      });
      const told = `${out}\n${err}\n${logs.join("\n")}`;
      expect({ code, missing: story.filter((_, index) => (places[index] ?? -1) < 0), told }).toMatchObject({
        code: 0,
        missing: [],
      });
      expect(out).toContain("cut: ECONNRESET");
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
  60_000,
);

test("every command that the README shows exists", () => {
  const shown = new Set([...README.matchAll(/\bclusterlink ([a-z]+)\b(?= |\n)/g)].map((match) => match[1] ?? ""));
  const commands = readFileSync(join(import.meta.dir, "..", "..", "src", "cli", "commands.ts"), "utf8");
  for (const name of shown) expect(commands).toContain(`name: "${name}"`);
});

test("every file that the README points to exists", () => {
  const links = [...README.matchAll(/\]\(([^)#]+)\)/g)].map((match) => match[1] ?? "");
  expect(links.length).toBeGreaterThan(2);
  expect(links.filter((link) => !existsSync(join(import.meta.dir, "..", "..", link)))).toEqual([]);
});
