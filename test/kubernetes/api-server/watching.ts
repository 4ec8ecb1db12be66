/** Watches: what changed since a version, then what changes, with bookmarks. */
import { Failure } from "./failure.ts";
import type { JsonObject } from "./json.ts";
import { numberOf, tooLarge } from "./reading.ts";
import { apiVersionOf, type Resource, resourceName } from "./resources.ts";
import { type Selects, selectionOf } from "./selection.ts";
import type { Change, Storage } from "./storage.ts";

export interface WatchRequest {
  storage: Storage;
  resource: Resource;
  namespace: string | undefined;
  query: URLSearchParams;
  /** Milliseconds between bookmarks. */
  bookmarkInterval: number;
  /** The watches that are open. */
  open: Set<Watch>;
}

/** How long a watch stays open unless the client says, seconds. */
const KEEP = 1800;

type Controller = Pick<ReadableStreamDefaultController<Uint8Array>, "enqueue" | "close" | "error">;

/** One watch; it ends by itself when the client leaves. */
export class Watch {
  readonly #selects: Selects;
  readonly #timers: Timer[] = [];
  #controller: Controller | undefined;
  #silent = false;

  constructor(readonly request: WatchRequest) {
    this.#selects = selectionOf(request.resource, request.namespace, request.query);
  }

  get resource(): Resource {
    return this.request.resource;
  }

  stream(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
        this.#begin();
      },
      cancel: () => {
        this.#close();
      },
    });
  }

  /** Breaks off in the middle, without an end of the stream. */
  drop(): void {
    this.#close()?.error(new Error("dropped"));
  }

  /** Ends as at a timeout, with a last bookmark. */
  end(): void {
    this.#bookmark();
    this.#close()?.close();
  }

  /** Says nothing from now on, as when the other side has vanished; what it would have said is lost. */
  silence(): void {
    this.#silent = true;
  }

  /** Tells an error and ends, as when the history is over. */
  fail(failure: Failure): void {
    this.#send("ERROR", failure.toStatus());
    this.#close()?.close();
  }

  #begin(): void {
    const { query, bookmarkInterval, open } = this.request;
    // Bun sends a response's head with the first byte of its body; a space is no event, and JSON allows it.
    this.#write(" ");
    try {
      this.#tellPast();
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      this.fail(error);
      return;
    }
    if (query.get("sendInitialEvents") === "true") this.#bookmark({ "k8s.io/initial-events-end": "true" });
    this.#table.watchers.add(this.#tell);
    open.add(this);
    const seconds = Number(query.get("timeoutSeconds") ?? KEEP);
    this.#timers.push(
      setInterval(() => this.#bookmark(), bookmarkInterval),
      setTimeout(() => this.end(), seconds * 1000),
    );
  }

  get #table() {
    return this.request.storage.table(resourceName(this.resource));
  }

  /** Without a version: what there is; else what changed since. */
  #tellPast(): void {
    const { storage, query } = this.request;
    const version = query.get("resourceVersion") ?? "";
    if (version === "" || version === "0") {
      for (const object of this.#table.objects.values()) if (this.#selects(object)) this.#send("ADDED", object);
      return;
    }
    const from = numberOf(version);
    if (from > storage.revision) throw tooLarge(from, storage.revision);
    for (const change of storage.changesSince(resourceName(this.resource), from)) this.#tell(change);
  }

  /** An object that enters the selection is added, one that leaves it deleted. */
  readonly #tell = ({ type, object, previous }: Change): void => {
    const was = previous !== undefined && this.#selects(previous);
    const is = type !== "DELETED" && this.#selects(object);
    if (was && is) this.#send("MODIFIED", object);
    else if (is) this.#send("ADDED", object);
    else if (was) {
      const { resourceVersion } = object.metadata;
      this.#send("DELETED", { ...previous, metadata: { ...previous.metadata, resourceVersion } });
    }
  };

  #bookmark(annotations?: JsonObject): void {
    if (this.request.query.get("allowWatchBookmarks") !== "true") return;
    const resourceVersion = String(this.request.storage.revision);
    const metadata = { resourceVersion, creationTimestamp: null, ...(annotations ? { annotations } : {}) };
    this.#send("BOOKMARK", { kind: this.resource.kind, apiVersion: apiVersionOf(this.resource), metadata });
  }

  #send(type: string, object: JsonObject): void {
    this.#write(`${JSON.stringify({ type, object })}\n`);
  }

  #write(text: string): void {
    if (!this.#silent) this.#controller?.enqueue(new TextEncoder().encode(text));
  }

  /** @returns the stream, when it was open. */
  #close(): Controller | undefined {
    const controller = this.#controller;
    this.#controller = undefined;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#table.watchers.delete(this.#tell);
    this.request.open.delete(this);
    return controller;
  }
}
