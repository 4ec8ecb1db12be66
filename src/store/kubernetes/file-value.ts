import { readFileSync, statSync } from "node:fs";
import { CredentialsError } from "./connection.ts";

/**
 * The text of a file that others replace (a mounted Secret or token): read again whenever it changed. While it cannot
 * be read, it is what it was.
 */
export class FileValue {
  #mark = "";
  #text: string | undefined;

  constructor(readonly path: string) {}

  /** @throws CredentialsError when it could never be read */
  read(): string {
    try {
      const { ino, mtimeMs, size } = statSync(this.path);
      const mark = `${ino} ${mtimeMs} ${size}`;
      if (this.#text === undefined || mark !== this.#mark) {
        this.#text = readFileSync(this.path, "utf8");
        this.#mark = mark;
      }
    } catch (error) {
      if (this.#text === undefined) throw new CredentialsError(`${this.path} cannot be read`, { cause: error });
    }
    return this.#text;
  }
}
