/** Compiles the program into one executable. */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { bunRuntime } from "./bun-runtime.ts";
import { sealRuntime } from "./seal.ts";
import type { Stamp } from "./stamp.ts";
import { type FileEntry, tar } from "./tar.ts";
import type { Target } from "./target.ts";

/** The name inside the executable, whatever file it is written to: a part of its bytes. */
const INNER_NAME = "clusterlink";

/**
 * Compiles `src/main.ts` for one platform. Two builds of one commit are equal byte for byte, wherever the checkout lies.
 *
 * @param root - the checkout's folder.
 * Each command is a module of its own in it, so that a process holds the code of its role only.
 *
 * @param outfile - where the executable goes; the source maps of its modules are written beside it, as `.maps.tar`.
 * @param entry - the program's entry file below `root`.
 * @param replaced - other contents for some of its files, by their paths below `root`: for executables that are measured.
 * @returns the npm packages whose code is in it, by the names of their folders: `node_modules/zod`.
 * @throws {Error} with the compiler's messages; when a replaced file is not there.
 */
export async function compileExecutable(
  root: string,
  target: Target,
  stamp: Stamp,
  outfile: string,
  entry = "src/main.ts",
  replaced: Readonly<Record<string, string>> = {},
): Promise<Set<string>> {
  const absent = Object.keys(replaced).find((path) => !existsSync(join(root, path)));
  if (absent !== undefined) throw new Error(`there is no file ${absent} to replace`);
  mkdirSync(dirname(outfile), { recursive: true });
  const folder = mkdtempSync(join(dirname(outfile), ".build-"));
  try {
    const built = join(folder, INNER_NAME);
    const result = await Bun.build({
      entrypoints: [join(root, entry)],
      files: Object.fromEntries(Object.entries(replaced).map(([path, text]) => [join(root, path), text])),
      root,
      minify: true,
      splitting: true,
      sourcemap: "external",
      env: "disable",
      define: {
        CLUSTERLINK_COMMIT: JSON.stringify(stamp.commit),
        "process.env.NODE_ENV": JSON.stringify("production"),
      },
      compile: {
        target: `bun-${target.os}-${target.arch}`,
        executablePath: await sealedRuntime(root, target, folder),
        outfile: built,
        autoloadDotenv: false,
        autoloadBunfig: false,
      },
      throw: false,
    });
    if (!result.success) throw new Error(result.logs.map(String).join("\n"));
    const maps = await sourceMaps(folder);
    await Bun.write(`${outfile}.maps.tar`, tar(maps));
    renameSync(built, outfile);
    return bundledPackages(maps);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function sourceMaps(folder: string): Promise<FileEntry[]> {
  const paths = [...new Bun.Glob("*.map").scanSync({ cwd: folder })];
  return Promise.all(
    paths.map(
      async (path) => ({ kind: "file", path, data: await Bun.file(join(folder, path)).bytes(), mode: 0o644 }) as const,
    ),
  );
}

function bundledPackages(maps: readonly FileEntry[]): Set<string> {
  const { sources } = maps
    .map((map) => JSON.parse(new TextDecoder().decode(map.data)) as { sources: string[] })
    .reduce((all, map) => ({ sources: [...all.sources, ...map.sources] }), { sources: [] });
  const folders = sources.map((path) =>
    /(?:^|\/)((?:node_modules\/(?:@[^/]+\/)?[^/]+\/)+)/.exec(path)?.[1]?.slice(0, -1),
  );
  return new Set(folders.filter((folder) => folder !== undefined));
}

/** macOS runs signed code only, so there the executable stays as it is; gateways run on Linux. */
async function sealedRuntime(root: string, target: Target, folder: string): Promise<string> {
  const runtime = await bunRuntime(root, target);
  if (target.os !== "linux") return runtime;
  const bytes = await Bun.file(runtime).bytes();
  sealRuntime(bytes);
  const sealed = join(folder, "runtime");
  await Bun.write(sealed, bytes);
  chmodSync(sealed, 0o755);
  return sealed;
}
