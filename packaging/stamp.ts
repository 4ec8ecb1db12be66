/** What a build is stamped with: the version of package.json and the commit it was made from. */
import { join } from "node:path";

/** Version, commit and time of a build. Equal for every build of one clean commit. */
export interface Stamp {
  readonly version: string;
  /** The commit's hash, with `-dirty` when tracked files differ from it; `unknown` outside a repository. */
  readonly commit: string;
  /** Seconds since 1970, for whatever must carry a time. */
  readonly epoch: number;
}

/**
 * Reads the stamp of a checkout.
 *
 * The time is `SOURCE_DATE_EPOCH` (reproducible-builds.org/specs/source-date-epoch) where it is set, else the commit's,
 * else 0: never the clock's.
 *
 * @param root - the checkout's folder.
 * @throws {Error} when `SOURCE_DATE_EPOCH` is no whole number of seconds.
 */
export async function readStamp(root: string): Promise<Stamp> {
  const { version } = (await Bun.file(join(root, "package.json")).json()) as { version: string };
  const head = git(root, "rev-parse", "HEAD");
  const dirty = head !== undefined && git(root, "status", "--porcelain", "--untracked-files=no") !== "";
  const commit = head === undefined ? "unknown" : head + (dirty ? "-dirty" : "");
  return {
    version,
    commit,
    epoch: sourceDateEpoch(process.env.SOURCE_DATE_EPOCH, git(root, "log", "-1", "--format=%ct")),
  };
}

/** @returns the first of the two that is given, as seconds; 0 when neither is. */
export function sourceDateEpoch(variable: string | undefined, commitTime: string | undefined): number {
  const text = variable || commitTime || "0";
  if (!/^\d{1,11}$/.test(text)) throw new Error(`SOURCE_DATE_EPOCH=${text}: must be whole seconds since 1970`);
  return Number(text);
}

function git(root: string, ...args: string[]): string | undefined {
  if (!Bun.which("git")) return undefined;
  const result = Bun.spawnSync(["git", "-C", root, ...args], { stderr: "ignore" });
  return result.success ? result.stdout.toString().trim() : undefined;
}
