/**
 * Writes `manifests/crds` from the schemas of the kinds; with `--check` it writes nothing and fails where the folder
 * differs from them.
 */
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CRD_KINDS, customResourceDefinition } from "../src/resources/crd.ts";
import { KINDS, type KindName } from "../src/resources/kinds.ts";
import { GROUP } from "../src/resources/meta.ts";

const HEADER = "# Generated from src/resources by scripts/crds.ts. Do not edit.\n";

/** @returns the files that the folder should have, by name. */
export function crdFiles(): Map<string, string> {
  return new Map(
    CRD_KINDS.map((kind) => [
      fileName(kind),
      `${HEADER}${Bun.YAML.stringify(customResourceDefinition(kind), null, 2)}\n`,
    ]),
  );
}

/** @returns the names of the files that differ, are missing or should not be there; sorted. */
export async function drift(folder: string): Promise<string[]> {
  const wanted = crdFiles();
  const found = new Set(await readdir(folder));
  const differing = await Promise.all(
    [...wanted].map(async ([name, text]) =>
      found.has(name) && (await readFile(join(folder, name), "utf8")) === text ? [] : [name],
    ),
  );
  return [...differing.flat(), ...[...found].filter((name) => !wanted.has(name))].sort();
}

function fileName(kind: KindName): string {
  return `${GROUP}_${KINDS[kind].plural}.yaml`;
}

async function main(check: boolean): Promise<void> {
  const folder = join(import.meta.dir, "..", "manifests", "crds");
  await mkdir(folder, { recursive: true });
  const names = await drift(folder);
  if (!check) {
    const wanted = crdFiles();
    for (const name of names) {
      const text = wanted.get(name);
      if (text === undefined) await rm(join(folder, name));
      else await writeFile(join(folder, name), text);
      console.log(`${text === undefined ? "removed" : "wrote"} manifests/crds/${name}`);
    }
  } else if (names.length > 0) {
    console.error(`manifests/crds differs from src/resources in ${names.join(", ")}; run scripts/crds.ts`);
    process.exitCode = 1;
  }
}

if (import.meta.main) await main(process.argv.includes("--check"));
