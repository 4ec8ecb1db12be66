/** What commands print: results on standard output, everything else on standard error. */
import { fstatSync } from "node:fs";

let onReaderGone = (): void => process.exit(0);

/**
 * Ends the process quietly once the reader of its output has gone, as `| head` does. Output that cannot be written for
 * another reason, such as a full disk, ends it with 1 and a message.
 */
export function closeQuietly(stream: NodeJS.WriteStream): void {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") return onReaderGone();
    if (stream !== process.stderr) fail(`the output cannot be written (${error.code ?? error.message})`);
    process.exit(1);
  });
}

/** Does something else than to exit when the reader has gone, for a command that has to clean up first. */
export function whenReaderGone(handler: () => void): void {
  onReaderGone = handler;
}

/** Writes a line of the result. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** @returns whether standard output is a file that others than its owner may read. */
export function othersCanReadOutput(): boolean {
  const output = fstatSync(process.stdout.fd);
  return output.isFile() && (output.mode & 0o044) !== 0;
}

/** Writes a remark for people, which is no part of the result. */
export function note(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Writes a failure. */
export function fail(message: string): void {
  process.stderr.write(`error: ${message}\n`);
}

/** @returns the value as indented JSON. */
export function asJson(value: unknown): string {
  return JSON.stringify(value, null, 2);
}

/** @returns the value as block-style YAML, without a line end. */
export function asYaml(value: unknown): string {
  return Bun.YAML.stringify(value, null, 2).trimEnd();
}
