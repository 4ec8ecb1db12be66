/** The platforms an executable is built for. */

/** A platform: an operating system and a processor, as Bun and Node name them. */
export interface Target {
  readonly os: "linux" | "darwin";
  readonly arch: "x64" | "arm64";
}

/** Every platform that can be built. */
export const TARGETS: readonly Target[] = [
  { os: "linux", arch: "x64" },
  { os: "linux", arch: "arm64" },
  { os: "darwin", arch: "x64" },
  { os: "darwin", arch: "arm64" },
];

/** @returns the target's name as flags and file names have it: `linux-x64`. */
export function targetName(target: Target): string {
  return `${target.os}-${target.arch}`;
}

/**
 * Reads a list of targets.
 *
 * @param text - names separated by commas: `linux-x64,linux-arm64`.
 * @throws {Error} naming the unknown target and those there are.
 */
export function parseTargets(text: string): Target[] {
  return text.split(",").map((name) => {
    const target = TARGETS.find((candidate) => targetName(candidate) === name.trim());
    if (!target) throw new Error(`"${name.trim()}" is no target; there are ${TARGETS.map(targetName).join(", ")}`);
    return target;
  });
}

/** @returns the target that names this machine. */
export function hostTarget(): Target {
  return parseTargets(`${process.platform}-${process.arch}`)[0] as Target;
}
