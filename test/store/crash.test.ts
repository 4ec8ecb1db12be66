/** A crash at any instant loses no acknowledged write: a process that writes is killed with SIGKILL, again and again. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { anExport, openStore } from "./objects.ts";

interface Acknowledged {
  did: string;
  name: string;
  version: number;
}

async function writeUntilKilled(directory: string, lines: number): Promise<Acknowledged[]> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "writer-process.ts"), directory], {
    stdout: "pipe",
    stderr: "inherit",
  });
  let text = "";
  for await (const bytes of child.stdout) {
    text += new TextDecoder().decode(bytes);
    if (text.split("\n").length > lines) child.kill("SIGKILL");
  }
  await child.exited;
  return text
    .slice(0, text.lastIndexOf("\n"))
    .split("\n")
    .map((line) => line.split(" "))
    .map(([did = "", name = "", version = ""]) => ({ did, name, version: Number(version) }));
}

test.each([[1], [7], [30]])("SIGKILL after %d acknowledged writes loses none of them", async (lines) => {
  const directory = mkdtempSync(join(tmpdir(), "clusterlink-crash-"));
  const acknowledged = await writeUntilKilled(directory, lines);
  expect(acknowledged.length).toBeGreaterThanOrEqual(lines);
  const store = openStore(directory);
  const { items, resourceVersion } = await store.list("Export");
  const last = acknowledged.at(-1);
  if (!last) throw new Error("nothing was acknowledged");
  expect(Number(resourceVersion)).toBeGreaterThanOrEqual(last.version);
  // At most one more write than was acknowledged can have reached the disk.
  expect(Number(resourceVersion)).toBeLessThanOrEqual(last.version + 1);
  const stored = new Map(items.map((item) => [item.metadata.name, item]));
  for (const name of new Set(acknowledged.map((each) => each.name))) {
    const latest = acknowledged.findLast((each) => each.name === name);
    const version = Number(stored.get(name)?.metadata.resourceVersion ?? 0);
    if (latest?.did === "deleted") expect(stored.has(name)).toBe(false);
    else if (latest !== last) expect(version).toBe(latest?.version ?? -1);
    else if (stored.has(name)) expect(version).toBeGreaterThanOrEqual(last.version);
    // Only a deletion whose answer was cut off, which follows an update, can have taken it away.
    else expect(last.did).toBe("updated");
  }
  const made = await store.create("Export", anExport("after"));
  expect(Number(made.metadata.resourceVersion)).toBe(Number(resourceVersion) + 1);
  store.close();
  rmSync(directory, { recursive: true, force: true });
});
