/** Sites in processes of their own (see ./relay-process.ts), as the test sees them that starts them. */
import type { ProcessReport, SiteRecipe, Started } from "./relay-process.ts";
import { atEnd } from "./teardown.ts";

export interface ProcessOptions {
  /** The most files that it may have open, Bun's own among them. */
  limit?: number;
  /** A file beside this one that is loaded first. */
  preload?: string;
}

export interface SiteProcess extends Started {
  pid: number;
  report(): Promise<ProcessReport>;
  /** Kills it, which the end of the test file does too. */
  stop(): void;
}

/** Starts a site. @returns once its relay has applied its tables. */
export async function startSite(recipe: SiteRecipe, { limit, preload }: ProcessOptions = {}): Promise<SiteProcess> {
  const file = (name: string) => new URL(name, import.meta.url).pathname;
  const flags = preload === undefined ? [] : ["--preload", file(preload)];
  const words = [process.execPath, ...flags, file("./relay-process.ts")];
  const command = limit === undefined ? words : ["sh", "-c", `ulimit -n ${limit} && exec "$0" "$@"`, ...words];
  const child = Bun.spawn(command, { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
  const stop = () => child.kill("SIGKILL");
  atEnd(stop);
  const lines = linesOf(child.stdout);
  const say = async (line: string) => {
    child.stdin.write(`${line}\n`);
    child.stdin.flush();
    return JSON.parse((await lines.next()).value as string);
  };
  const started: Started = await say(JSON.stringify(recipe));
  return { ...started, pid: child.pid, report: () => say("report"), stop };
}

async function* linesOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of stream) {
    const lines = (text + decoder.decode(chunk, { stream: true })).split("\n");
    text = lines.pop() as string;
    yield* lines;
  }
}
