import type { ObjectKey } from "../../resources/meta.ts";
import type { Change } from "../../store/kubernetes/reflector.ts";
import type { KubeObject } from "../../store/kubernetes/resource.ts";

/** The answer to a write; null for a deletion. */
interface Written<T> {
  object: T | null;
  /** When it came, on the clock. */
  at: number;
}

/**
 * The objects of a resource as this process knows them: what its watch told, and of what it wrote itself the answers,
 * until the watch has told them too. So nothing is written again because the watch is late.
 */
export class Known<T extends KubeObject> {
  readonly #told = new Map<ObjectKey, T>();
  /** What was written and not told yet. */
  readonly #written = new Map<ObjectKey, Written<T>>();
  readonly #groups = new Map<string, Set<ObjectKey>>();

  /**
   * @param groupsOf - which groups an object is found by
   * @param clock - milliseconds since whenever
   */
  constructor(
    readonly groupsOf: (object: T) => string[],
    readonly clock: () => number = () => performance.now(),
  ) {}

  get(key: ObjectKey): T | undefined {
    const written = this.#written.get(key);
    return written === undefined ? this.#told.get(key) : (written.object ?? undefined);
  }

  /** @returns the objects of a group, sorted by key. */
  inGroup(group: string): T[] {
    const keys = new Set(this.#groups.get(group));
    for (const key of this.#written.keys()) keys.add(key);
    const found = [...keys].sort().flatMap((key) => this.get(key) ?? []);
    return found.filter((object) => this.groupsOf(object).includes(group));
  }

  /** Every group that an object which was told belongs to. */
  get groups(): Iterable<string> {
    return this.#groups.keys();
  }

  /** Takes what the watch told. @returns the groups that it concerns. */
  take(changes: readonly Change<T>[]): Set<string> {
    const touched = new Set<string>();
    for (const change of changes) {
      const before = this.#told.get(change.key);
      const after = change.type === "upsert" ? change.object : undefined;
      this.#settle(change.key, before, after);
      for (const group of before ? this.groupsOf(before) : []) {
        touched.add(group);
        this.#leave(group, change.key);
      }
      for (const group of after ? this.groupsOf(after) : []) {
        touched.add(group);
        this.#join(group, change.key);
      }
      if (after) this.#told.set(change.key, after);
      else this.#told.delete(change.key);
    }
    return touched;
  }

  /** Remembers the answer to a write; undefined for a deletion. */
  wrote(key: ObjectKey, object: T | undefined): void {
    const told = this.#told.get(key);
    if (object === undefined ? told === undefined : told !== undefined && !isOlder(told, object)) {
      this.#written.delete(key);
    } else this.#written.set(key, { object: object ?? null, at: this.clock() });
  }

  /** Forgets the answer to a write of an object that turned out not to be there. */
  forget(key: ObjectKey): void {
    this.#written.delete(key);
  }

  /**
   * Forgets the answers that are older than this and were not told since: what somebody deletes before it was told, and
   * while the watch was interrupted, is never told at all.
   *
   * @param age - milliseconds
   * @returns the groups that it concerns.
   */
  expire(age: number): Set<string> {
    const touched = new Set<string>();
    const latest = this.clock() - age;
    for (const [key, { object, at }] of this.#written) {
      if (at > latest) continue;
      this.#written.delete(key);
      for (const each of [object, this.#told.get(key)]) {
        for (const group of each ? this.groupsOf(each) : []) touched.add(group);
      }
    }
    return touched;
  }

  /** Forgets what was written when the watch has come as far. */
  #settle(key: ObjectKey, before: T | undefined, after: T | undefined): void {
    const written = this.#written.get(key)?.object;
    if (written === undefined) return;
    if (after === undefined) {
      if (written === null || written.metadata.uid === before?.metadata.uid) this.#written.delete(key);
    } else if (written === null) {
      const { uid, deletionTimestamp } = after.metadata;
      if (uid !== before?.metadata.uid || deletionTimestamp !== undefined) this.#written.delete(key);
    } else if (!isOlder(after, written)) this.#written.delete(key);
  }

  #join(group: string, key: ObjectKey): void {
    const keys = this.#groups.get(group);
    if (keys) keys.add(key);
    else this.#groups.set(group, new Set([key]));
  }

  #leave(group: string, key: ObjectKey): void {
    const keys = this.#groups.get(group);
    keys?.delete(key);
    if (keys?.size === 0) this.#groups.delete(group);
  }
}

/**
 * @returns whether `a` is an older state of the object than `b`. A resource version is an opaque text, but within one
 * object those of every API server are numbers that rise (KEP-5504); others are taken as not older.
 */
export function isOlder(a: KubeObject, b: KubeObject): boolean {
  const [first, second] = [Number(a.metadata.resourceVersion), Number(b.metadata.resourceVersion)];
  return first < second;
}
