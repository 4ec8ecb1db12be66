/** Programs of the machine that the bench uses where they are installed. */

/** Administrators' programs are not on every user's path. */
const SEARCH = `${process.env["PATH"] ?? ""}:/usr/local/sbin:/usr/sbin:/sbin`;

/** @returns where the program is: what the variable `BENCH_NAME` says, else what PATH finds. */
export function findProgram(name: string): string | undefined {
  const named = process.env[`BENCH_${name.toUpperCase().replaceAll("-", "_")}`];
  return Bun.which(named || name, { PATH: SEARCH }) ?? undefined;
}

/** @returns why something that needs this program is skipped, or undefined when it is there. */
export function missingProgram(name: string): string | undefined {
  return findProgram(name) === undefined ? `${name} is not installed` : undefined;
}

/** @throws {Error} when it is not there */
export function program(name: string): string {
  const found = findProgram(name);
  if (found === undefined) throw new Error(`${name} is not installed`);
  return found;
}

/** @returns the first line of what a program says about its version. */
export function versionOf(executable: string, ...args: string[]): string {
  const { stdout, stderr } = Bun.spawnSync([executable, ...args], { stdin: "ignore" });
  const line = `${stdout}\n${stderr}`.split("\n").find((text) => /\d+\.\d+/.test(text));
  return line?.trim() ?? "unknown";
}
