import type { ChildProcess } from "./supervisor.ts";

export interface Command {
  words: string[];
  /** What `ps` shows in place of the first word. */
  argv0?: string;
  /** Default: that of this process. */
  env?: Record<string, string | undefined>;
}

/**
 * Starts a process in this one's process group, with a pipe as its standard input and this one's output and error.
 *
 * @throws when the process cannot be started.
 */
export function startChild({ words, argv0, env }: Command): ChildProcess {
  const child = Bun.spawn({
    cmd: words,
    ...(argv0 === undefined ? {} : { argv0 }),
    ...(env === undefined ? {} : { env }),
    stdin: "pipe",
    stdout: "inherit",
    stderr: "inherit",
  });
  return {
    pid: child.pid,
    exited: child.exited,
    send(line) {
      try {
        child.stdin.write(`${line}\n`);
        Promise.resolve(child.stdin.flush()).catch(gone);
      } catch {
        gone();
      }
    },
    kill: () => child.kill("SIGKILL"),
  };
}

/**
 * How JavaScriptCore works in a relay, unless the environment says otherwise. Little of what a relay allocates outlives a
 * chunk: a second thread takes longer to wake than to mark its half of that, and every collection holds up all
 * connections, so there is one after 64 MiB, not after 32. Compiled code is kept: collections of an idle process would let
 * it go, and after a quiet night the first connections would pay for compiling it again.
 */
const RELAY_ENGINE = {
  BUN_JSC_numberOfGCMarkers: "1",
  BUN_JSC_largeHeapSize: String(64 * 1024 * 1024),
  BUN_JSC_forceCodeBlockLiveness: "1",
};

/**
 * Starts this same program in another role. The role shows in the process's command line: `clusterlink control`,
 * `clusterlink relay 0`.
 *
 * @param args - the hidden command and its arguments.
 */
export function startRole(args: string[]): ChildProcess {
  const compiled = Bun.main.startsWith("/$bunfs/");
  const env = { ...(args[0] === "relay" ? RELAY_ENGINE : {}), ...process.env };
  if (compiled) return startChild({ words: [process.execPath, ...args], argv0: "clusterlink", env });
  return startChild({ words: [process.execPath, Bun.main, ...args], argv0: ["clusterlink", ...args].join(" "), env });
}

function gone(): void {
  // A child that has just died reads no more; its exit says so.
}
