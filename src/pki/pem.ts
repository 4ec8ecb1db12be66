/** PEM (RFC 7468): finding the blocks in a file, and writing them. */

/** One block. */
export interface PemBlock {
  /** What stands after BEGIN: `CERTIFICATE`, `PRIVATE KEY`, `EC PRIVATE KEY`, … */
  label: string;
  /** The block with its BEGIN and END lines, without a line end after it. */
  text: string;
}

/** @returns the blocks of a file in their order; whatever stands between them is left out. */
export function readPem(text: string): PemBlock[] {
  return [...text.matchAll(BLOCK)].map((match) => ({ label: match[1] ?? "", text: match[0].replaceAll("\r", "") }));
}

/** @returns the blocks with that label. */
export function pemBlocks(text: string, label: string): string[] {
  return readPem(text)
    .filter((block) => block.label === label)
    .map((block) => block.text);
}

/** @returns the bytes of a block. */
export function pemBytes(block: string): Buffer {
  return Buffer.from(block.replace(/-----[A-Z0-9 ]+-----/g, ""), "base64");
}

/** @returns the blocks as one file, each ending its line (Bun's TLS refuses two on one line). */
export function joinPem(blocks: readonly string[]): string {
  return blocks.map((block) => `${block.trim()}\n`).join("");
}

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----(?:(?!-----BEGIN )[\s\S])+?-----END \1-----/g;
