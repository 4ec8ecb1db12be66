/** The executable that is measured. */
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";

/** The checkout. */
export const ROOT = join(import.meta.dir, "..");

/** @returns dist/clusterlink, built anew when a source is newer. @throws {Error} when the build fails */
export async function builtExecutable(): Promise<string> {
  const executable = join(ROOT, "dist", "clusterlink");
  if (!isCurrent(executable)) {
    const build = Bun.spawn([process.execPath, "compile.ts"], { cwd: ROOT, stdin: "ignore", stdout: "inherit" });
    if ((await build.exited) !== 0) throw new Error("the build failed");
  }
  return executable;
}

/** @returns whether an executable is there and no source is newer. */
export function isCurrent(executable: string): boolean {
  if (!existsSync(executable)) return false;
  const built = statSync(executable).mtimeMs;
  const sources = [...new Bun.Glob("{src,packaging}/**/*").scanSync({ cwd: ROOT }), "compile.ts", "package.json"];
  return sources.every((path) => statSync(join(ROOT, path)).mtimeMs <= built);
}
