/** Runs the commands of the demo in its folder, and shows each as a user would type it. */
import { text } from "node:stream/consumers";
import { CliError } from "../errors.ts";
import { print } from "../output.ts";

export interface StageOptions {
  /** The folder that every command runs in. */
  folder: string;
  /** What starts this executable again: its path, and its source where it is not compiled. */
  executable: readonly string[];
  /** Ends the command in progress, and lets no other begin. */
  signal: AbortSignal;
}

/** Where the demo plays. */
export class Stage {
  constructor(readonly options: StageOptions) {}

  /** Variables of the user that would turn a command elsewhere are left out. */
  static environment(): Record<string, string | undefined> {
    return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("CLUSTERLINK_")));
  }

  /** Says what comes next. */
  title(text: string): void {
    print(`\n# ${text}`);
  }

  /** Shows a command line. Throws once the demo is being ended, so that nothing is started any more. */
  show(words: readonly string[], after = ""): void {
    this.options.signal.throwIfAborted();
    print(`$ ${words.map(quoted).join(" ")}${after}`);
  }

  /**
   * Runs `clusterlink ARGS`, shows the command and its result; what it told besides is shown when it fails.
   *
   * @returns its standard output. Throws when it exits with anything but 0.
   */
  async clusterlink(...args: string[]): Promise<string> {
    this.show(["clusterlink", ...args]);
    const { folder, executable, signal } = this.options;
    const child = Bun.spawn([...executable, ...args], {
      cwd: folder,
      env: Stage.environment(),
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      signal,
    });
    const [output, errors, code] = await Promise.all([text(child.stdout), text(child.stderr), child.exited]);
    for (const line of lines(code === 0 ? output : output + errors)) print(`  ${line}`);
    if (code !== 0) throw new CliError("failed", `'clusterlink ${args.join(" ")}' exited with ${code}`);
    return output;
  }
}

function lines(text: string): string[] {
  return text === "" ? [] : text.trimEnd().split("\n");
}

function quoted(word: string): string {
  return /^[-\w./:=@,]+$/.test(word) ? word : `'${word}'`;
}
