import type { ChildProcess } from "./supervisor.ts";

/**
 * Starts this same program in another role, in the same process group. The role shows in the process's command line:
 * `clusterlink control`, `clusterlink relay 0`.
 *
 * @param args - the hidden command and its arguments.
 * @throws when the process cannot be started.
 */
export function spawnRole(args: string[]): ChildProcess {
  const compiled = Bun.main.startsWith("/$bunfs/");
  const child = Bun.spawn({
    cmd: compiled ? [process.execPath, ...args] : [process.execPath, Bun.main, ...args],
    argv0: compiled ? "clusterlink" : ["clusterlink", ...args].join(" "),
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

/** A child that has just died reads no more; its exit says so. */
function gone(): void {}
