import type { ObjectKey } from "../../resources/meta.ts";
import type { Logger } from "../../telemetry/log.ts";
import { type Change, Reflector, type ReflectorOptions } from "./reflector.ts";
import type { KubeObject } from "./resource.ts";

export type InformerOptions<T extends KubeObject, P> = Omit<ReflectorOptions<T, P>, "onChanges">;

/** Called with changes that hold together; the informer already has the new state. */
export type ChangeListener<P> = (changes: readonly Change<P>[]) => void;

/** One watch of a resource, shared by everyone who needs it. */
export class Informer<T extends KubeObject, P = T> {
  readonly #reflector: Reflector<T, P>;
  readonly #listeners = new Set<ChangeListener<P>>();
  readonly #synced = Promise.withResolvers<void>();
  readonly #log: Logger;
  #running: Promise<void> | undefined;

  constructor(options: InformerOptions<T, P>) {
    this.#log = options.log;
    this.#reflector = new Reflector({ ...options, onChanges: (changes) => this.#tell(changes) });
  }

  /** Whether the first list is complete: until then nothing is known. */
  get synced(): boolean {
    return this.#reflector.synced;
  }

  /** Resolves when the first list is complete; never, when the informer is stopped before. */
  get whenSynced(): Promise<void> {
    return this.#synced.promise;
  }

  /** Why it is behind the server at present, for people. */
  get failure(): string | undefined {
    return this.#reflector.failure;
  }

  /** When the server was last heard of this resource, milliseconds since the epoch: at least every 150 s while it is there. */
  get lastContact(): number | undefined {
    return this.#reflector.lastContact;
  }

  get size(): number {
    return this.#reflector.size;
  }

  get(key: ObjectKey): P | undefined {
    return this.#reflector.get(key);
  }

  /** In no particular order. */
  values(): Iterable<P> {
    return this.#reflector.values();
  }

  entries(): Iterable<[ObjectKey, P]> {
    return this.#reflector.entries();
  }

  /** Begins to list and watch; again has no effect. */
  start(): void {
    this.#running ??= this.#reflector.run();
  }

  /** Ends the watch; resolves when nothing more will be told. */
  async stop(): Promise<void> {
    this.#reflector.stop();
    await this.#running;
  }

  /**
   * Tells every change from now on. When the first list is complete already, the listener gets all objects at once as
   * upserts, before this returns; else with the first list.
   * @returns what ends it
   */
  subscribe(listener: ChangeListener<P>): () => void {
    this.#listeners.add(listener);
    if (this.synced)
      this.#call(
        listener,
        Array.from(this.entries(), ([key, object]) => ({ type: "upsert", key, object })),
      );
    return () => this.#listeners.delete(listener);
  }

  #tell(changes: readonly Change<P>[]): void {
    for (const listener of this.#listeners) this.#call(listener, changes);
    this.#synced.resolve();
  }

  /** A listener that fails does not keep the others from hearing. */
  #call(listener: ChangeListener<P>, changes: readonly Change<P>[]): void {
    try {
      listener(changes);
    } catch (error) {
      this.#log.error("a listener to changes failed", { error });
    }
  }
}
