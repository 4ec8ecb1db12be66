/** Runs a program to its end. */

/** What a program said, and how it ended. */
export interface Completed {
  code: number;
  out: string;
  err: string;
}

export interface CompletedOptions {
  cwd?: string;
  /** The whole environment; without it, the test's own. */
  env?: Record<string, string | undefined>;
  /** Standard input; without it, there is none. */
  stdin?: string;
}

/** @returns what the program has said once it has ended, with whatever code. */
export async function completed(command: string[], { stdin, ...options }: CompletedOptions = {}): Promise<Completed> {
  const child = Bun.spawn(command, {
    ...options,
    stdin: stdin === undefined ? "ignore" : Buffer.from(stdin),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code, out, err };
}
