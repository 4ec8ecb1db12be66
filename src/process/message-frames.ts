/** JSON messages on a byte stream: 4 bytes length, big-endian, then the UTF-8 text. */

/** No message is longer, in bytes; a full snapshot of the largest site is far below. */
export const MAX_MESSAGE = 256 * 1024 * 1024;

/** @returns the bytes of one message. */
export function encodeMessage(message: unknown): Buffer {
  const text = Buffer.from(JSON.stringify(message));
  if (text.length > MAX_MESSAGE)
    throw new RangeError(`a message of ${text.length} bytes is longer than ${MAX_MESSAGE}`);
  const frame = Buffer.allocUnsafe(4 + text.length);
  frame.writeUInt32BE(text.length, 0);
  text.copy(frame, 4);
  return frame;
}

/** Cuts a byte stream into messages, however it arrives. */
export class MessageReader {
  #chunks: Buffer[] = [];
  #held = 0;
  #wanted: number | undefined;

  /**
   * @param chunk - kept until its messages are complete.
   * @returns the messages that became complete, in order.
   * @throws RangeError when a message is announced that is longer than {@link MAX_MESSAGE}, SyntaxError when one is not JSON.
   */
  push(chunk: Buffer): unknown[] {
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    const messages: unknown[] = [];
    for (;;) {
      if (this.#wanted === undefined) {
        if (this.#held < 4) return messages;
        this.#wanted = this.#take(4).readUInt32BE(0);
        if (this.#wanted > MAX_MESSAGE)
          throw new RangeError(`a message of ${this.#wanted} bytes is longer than allowed`);
      }
      if (this.#held < this.#wanted) return messages;
      messages.push(JSON.parse(this.#take(this.#wanted).toString()));
      this.#wanted = undefined;
    }
  }

  #take(length: number): Buffer {
    const all = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks, this.#held);
    const rest = all.subarray(length);
    this.#chunks = rest.length === 0 ? [] : [rest];
    this.#held = rest.length;
    return all.subarray(0, length);
  }
}
