import { type Asked, KubeApiError, reasonOf } from "./error.ts";

/** Upper bound of one line, in characters; etcd's own for an object is 1.5 MiB. */
const LONGEST = 16 * 1024 * 1024;

/**
 * The lines of a stream of UTF-8 text, without their ends; an unfinished last line is not one.
 * @throws KubeApiError `Unavailable` when the stream breaks, or a line is beyond all bounds
 */
export async function* readLines(stream: ReadableStream<Uint8Array>, asked: Asked): AsyncGenerator<string> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let pending: string[] = [];
  let length = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((error: unknown) => broken(asked, error));
      if (done) return;
      const text = decoder.decode(value, { stream: true });
      let start = 0;
      for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", start)) {
        const line = pending.join("") + text.slice(start, end);
        pending = [];
        length = 0;
        start = end + 1;
        if (line !== "") yield line;
      }
      if (start === text.length) continue;
      pending.push(text.slice(start));
      length += text.length - start;
      if (length > LONGEST) broken(asked, new RangeError(`an event has more than ${LONGEST} characters`));
    }
  } finally {
    void reader.cancel().catch(() => undefined);
  }
}

function broken({ path }: Asked, error: unknown): never {
  throw new KubeApiError("Unavailable", `the watch of ${path} broke: ${reasonOf(error)}`, { cause: error });
}
