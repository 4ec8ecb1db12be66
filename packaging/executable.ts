/** Compiles the program into one executable. */
import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { bunRuntime } from "./bun-runtime.ts";
import { sealRuntime } from "./seal.ts";
import type { Stamp } from "./stamp.ts";
import { type TarEntry, tar } from "./tar.ts";
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
 * @throws {Error} with the compiler's messages.
 */
export async function compileExecutable(
  root: string,
  target: Target,
  stamp: Stamp,
  outfile: string,
  entry = "src/main.ts",
): Promise<void> {
  mkdirSync(dirname(outfile), { recursive: true });
  const folder = mkdtempSync(join(dirname(outfile), ".build-"));
  try {
    const built = join(folder, INNER_NAME);
    const result = await Bun.build({
      entrypoints: [join(root, entry)],
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
        executablePath: await sealedRuntime(root, target, folder),
        outfile: built,
        autoloadDotenv: false,
        autoloadBunfig: false,
      },
      throw: false,
    });
    if (!result.success) throw new Error(result.logs.map(String).join("\n"));
    await Bun.write(`${outfile}.maps.tar`, tar(await sourceMaps(folder)));
    renameSync(built, outfile);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function sourceMaps(folder: string): Promise<TarEntry[]> {
  const paths = [...new Bun.Glob("*.map").scanSync({ cwd: folder })];
  return Promise.all(
    paths.map(
      async (path) => ({ kind: "file", path, data: await Bun.file(join(folder, path)).bytes(), mode: 0o644 }) as const,
    ),
  );
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
