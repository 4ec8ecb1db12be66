/** Watches: a stream of JSON events that lasts until the client leaves, its time is over, or the site closes. */
import type { KindName, ResourceOf } from "../resources/kinds.ts";
import { API_VERSION } from "../resources/meta.ts";
import type { WatchEvent } from "../store/store.ts";
import { toApiError } from "./status-error.ts";

export interface WatchStream<K extends KindName> {
  /** The changes after `from`. */
  events: AsyncIterable<WatchEvent<K>>;
  /** Objects to tell first, as they are at `from`. */
  initial: readonly ResourceOf<K>[] | AsyncIterable<ResourceOf<K>>;
  /** The version of `initial`. */
  from: string;
  /** Whether the end of the initial objects is told, by the bookmark that the watch-list protocol names. */
  tellInitialEnd: boolean;
  bookmarks: boolean;
  /** Renders one object; `first` is true until one has been rendered. */
  render: (object: ResourceOf<K>, first: boolean) => unknown;
  /** Renders a bookmark with this metadata. */
  renderBookmark: (metadata: object) => unknown;
  /** Aborted when the watch is over, whoever ends it. */
  signal: AbortSignal;
  /** Tells of a defect; what the client may know is told to it. */
  onDefect: (error: unknown) => void;
}

/** Annotation of the bookmark that ends the initial events (KEP-3157). */
const INITIAL_EVENTS_END = "k8s.io/initial-events-end";

/** @returns the events, one JSON text a line. It never throws: what goes wrong is an ERROR event. */
export async function* watchLines<K extends KindName>(stream: WatchStream<K>): AsyncGenerator<string> {
  const { render, renderBookmark, signal } = stream;
  let first = true;
  const show = (object: ResourceOf<K>) => {
    const shown = render(object, first);
    first = false;
    return shown;
  };
  // Bun sends a response's head with the first byte of its body; a space is no event, and JSON allows it.
  yield " ";
  try {
    for await (const object of stream.initial) {
      if (signal.aborted) return;
      yield line("ADDED", show(object));
    }
    if (stream.tellInitialEnd) {
      const annotations = { [INITIAL_EVENTS_END]: "true" };
      yield line("BOOKMARK", renderBookmark({ resourceVersion: stream.from, annotations }));
    }
    for await (const event of stream.events) {
      if (signal.aborted) return;
      if (event.type !== "BOOKMARK") yield line(event.type, show(event.object));
      else if (stream.bookmarks) yield line("BOOKMARK", renderBookmark({ resourceVersion: event.resourceVersion }));
    }
  } catch (error) {
    if (signal.aborted) return;
    const known = toApiError(error);
    if (known === undefined) stream.onDefect(error);
    yield line("ERROR", known?.toStatus() ?? { kind: "Status", apiVersion: "v1", status: "Failure", code: 500 });
  }
}

/** @returns a bookmark of a kind: an object with nothing but a version. */
export function bookmarkOf(kind: KindName, metadata: object): object {
  return { kind, apiVersion: API_VERSION, metadata };
}

function line(type: WatchEvent<KindName>["type"] | "ERROR", object: unknown): string {
  return `${JSON.stringify({ type, object })}\n`;
}

/**
 * @param onEnd called once, when the stream has ended or was cancelled
 * @returns the lines as a byte stream that reads on only as fast as the client does
 */
export function lineStream(lines: AsyncGenerator<string>, onEnd: () => void): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const next = await lines.next();
        if (next.done) {
          onEnd();
          controller.close();
        } else controller.enqueue(encoder.encode(next.value));
      },
      cancel() {
        onEnd();
      },
    },
    { highWaterMark: 0 },
  );
}
