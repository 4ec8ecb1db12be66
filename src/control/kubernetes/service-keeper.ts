import type { ImportResource } from "../../resources/kinds.ts";
import type { ObjectKey } from "../../resources/meta.ts";
import { KubeApiError } from "../../store/kubernetes/error.ts";
import { type EndpointSlice, keyOfObject, type Service } from "../../store/kubernetes/resource.ts";
import { Contests } from "../contests.ts";
import { KeyQueue } from "../key-queue.ts";
import type { WantedCondition } from "../status-writer.ts";
import { ClusterObjects, type ClusterObjectsOptions } from "./cluster-objects.ts";
import { type Intervention, interventionOf, restsOnService } from "./intervention.ts";
import { importOfSlice, isOfGateway } from "./ownership.ts";
import { type Plan, planOf, type Scene } from "./plan.ts";
import type { Watches } from "./watches.ts";

export interface ServiceKeeperOptions extends ClusterObjectsOptions {
  services: Watches<Service>;
  slices: Watches<EndpointSlice>;
  /** The gateway's own namespace. */
  namespace: string;
  /** Key of the gateway's own Service. */
  gatewayService: ObjectKey;
  /** Of the leadership, while this process has it: nothing is written without. */
  leadership: () => AbortSignal | undefined;
  /** Called when a condition has changed. */
  onChange: () => void;
  /** Called after something was done to a Service that the Import did not ask for; the message is for people. */
  onIntervention: (imported: ImportResource, reason: Intervention["reason"], message: string) => void;
  /** How long a write may go without being told by a watch that works, milliseconds. Default: a minute. */
  patience?: number;
}

/** An Import, with the port that it listens on. */
export interface KeptImport {
  imported: ImportResource;
  port: number | undefined;
}

interface Judged {
  /** Undefined when the Import was gone. */
  kept: KeptImport | undefined;
  condition: WantedCondition;
}

/** Imports that are worked on at once: the API server answers within milliseconds, so more would only queue there. */
const CONCURRENCY = 8;

/** Contested Services that are named. */
const MAX_NAMED = 20;

const RETRY = { first: 50, longest: 60_000 };

/** So often an error that may pass by itself is tried again before a condition tells it. */
const SILENT_TRIES = 3;

const PATIENCE = 60_000;

/** Keeps the Services and EndpointSlices of all Imports what they have to be, and nothing else of the cluster. */
export class ServiceKeeper {
  readonly #objects: ClusterObjects;
  readonly #queue: KeyQueue;
  /** By the Service. */
  readonly #contests = new Contests();
  #imports: ReadonlyMap<ObjectKey, KeptImport> | undefined;
  readonly #judged = new Map<ObjectKey, Judged>();
  #expiry: Timer | undefined;

  constructor(readonly options: ServiceKeeperOptions) {
    const { gatewayService, services, slices } = options;
    this.#objects = new ClusterObjects(options);
    this.#queue = new KeyQueue({
      concurrency: CONCURRENCY,
      retry: RETRY,
      work: (key) => this.#reconcile(key),
      onFailure: (key, error, failures) => this.#failed(key, error, failures),
    });
    services.subscribe((changes) => {
      const touched = this.#objects.services.take(changes);
      for (const { key } of changes) touched.add(key);
      this.#touch(touched);
    });
    slices.subscribe((changes) => {
      const touched = this.#objects.slices.take(changes);
      if (touched.has(gatewayService)) this.#touchAll();
      else this.#touch(touched);
    });
  }

  /** What came of an Import's Service; undefined while this process has not looked after it as the Import is now. */
  condition(key: ObjectKey): WantedCondition | undefined {
    const judged = this.#judged.get(key);
    return judged !== undefined && isSame(judged.kept, this.#imports?.get(key)) ? judged.condition : undefined;
  }

  /** Which Services somebody else changes too, for people. */
  get problems(): string[] {
    return this.#contests.open.slice(0, MAX_NAMED).map((name) => {
      return `Service ${name}: somebody else changes it again and again, so that it is put right with pauses`;
    });
  }

  /** Writes that are still to be made, or tried again, concern so many Imports. */
  get backlog(): number {
    return this.#queue.size;
  }

  /** Takes the Imports that there are, in place of those before. Their statuses are ours and change nothing here. */
  update(imports: ReadonlyMap<ObjectKey, KeptImport>): void {
    const before = this.#imports;
    this.#imports = imports;
    if (before === undefined) {
      this.#touchAll();
      return;
    }
    const touched: ObjectKey[] = [];
    for (const [key, kept] of imports) if (!isSame(before.get(key), kept)) touched.push(key);
    for (const key of before.keys()) if (!imports.has(key)) touched.push(key);
    this.#touch(touched);
  }

  /** Begins to write: the leadership has been won. */
  lead(): void {
    this.#queue.resume();
    this.#touchAll();
    const { patience = PATIENCE } = this.options;
    clearInterval(this.#expiry);
    this.#expiry = setInterval(() => this.#expire(patience), patience / 2);
  }

  /** Writes no more. Resolves when the writes under way have ended. */
  async rest(): Promise<void> {
    clearInterval(this.#expiry);
    this.#contests.stop();
    this.#judged.clear();
    await this.#queue.pause();
  }

  /** A watch that fails is late, and what it has not told may be there all the same. */
  #expire(patience: number): void {
    const { services, slices } = this.options;
    if (services.problems.length === 0) this.#touch(this.#objects.services.expire(patience));
    if (slices.problems.length === 0) this.#touch(this.#objects.slices.expire(patience));
  }

  /** Every Import, and whatever was made for one that may be gone. */
  #touchAll(): void {
    const { services, slices } = this.#objects;
    this.#touch([...(this.#imports?.keys() ?? []), ...services.groups, ...slices.groups]);
  }

  #touch(keys: Iterable<ObjectKey>): void {
    if (this.#imports === undefined || this.options.leadership() === undefined) return;
    this.#queue.add([...keys].filter((key) => this.#concerns(key)));
  }

  /** Most Services and EndpointSlices of a cluster have nothing to do with Imports. */
  #concerns(key: ObjectKey): boolean {
    return (
      this.#imports?.has(key) === true ||
      this.#judged.has(key) ||
      this.#objects.services.inGroup(key).length > 0 ||
      this.#objects.slices.inGroup(key).some((slice) => importOfSlice(slice) !== undefined)
    );
  }

  /** What comes of it counts only as long as the leadership lasts under which it began. */
  async #reconcile(key: ObjectKey): Promise<void> {
    const leadership = this.options.leadership();
    if (leadership === undefined) return;
    const kept = this.#imports?.get(key);
    const scene = this.#sceneOf(key, kept);
    const plan = planOf(scene);
    const again = () => this.#touch([key]);
    let contested = false;
    for (const write of plan.writes) {
      if (this.options.leadership() !== leadership) return;
      const intervention = interventionOf(scene, write);
      const rests = intervention !== undefined && this.#contests.rests(intervention.name, again);
      contested ||= rests;
      if (rests || (contested && restsOnService(scene, write))) continue;
      await this.#objects.execute(write, leadership);
      if (leadership.aborted) return;
      if (intervention !== undefined) this.#intervened(scene, intervention);
    }
    this.#conclude(key, kept, plan);
  }

  #sceneOf(key: ObjectKey, kept: KeptImport | undefined): Scene {
    const { gatewayService, namespace } = this.options;
    const { services, slices } = this.#objects;
    const strays = services.inGroup(key).filter((service) => {
      const own = keyOfObject(service);
      return own !== key && !this.#imports?.has(own);
    });
    return {
      key,
      imported: kept?.imported,
      port: kept?.port,
      service: services.get(key),
      strays,
      slices: slices.inGroup(key),
      ours: (slice) => importOfSlice(slice) !== undefined && isOfGateway(slice, namespace),
      gateway: slices.inGroup(gatewayService).filter((slice) => importOfSlice(slice) === undefined),
      gatewayService,
    };
  }

  #intervened({ imported }: Scene, { reason, name, message }: Intervention): void {
    const { onIntervention, log } = this.options;
    if (imported !== undefined) onIntervention(imported, reason, message);
    if (!this.#contests.overruled(name)) return;
    log.warn("somebody else changes this Service again and again; it is put right with growing pauses", { name });
  }

  #conclude(key: ObjectKey, kept: KeptImport | undefined, { condition }: Plan): void {
    const before = this.#judged.get(key);
    if (condition === undefined) {
      this.#judged.delete(key);
      this.#contests.forget(key);
    } else this.#judged.set(key, { kept, condition });
    if (Bun.deepEquals(before?.condition, condition) && isSame(before?.kept, kept)) return;
    this.options.onChange();
  }

  #failed(key: ObjectKey, error: unknown, failures: number): void {
    if (this.options.leadership() === undefined) return;
    if (mayPass(error) && failures <= SILENT_TRIES) return;
    this.options.log.warn("the Service of an Import cannot be brought to what it has to be", { import: key, error });
    const kept = this.#imports?.get(key);
    if (kept === undefined) return;
    const why = error instanceof Error ? error.message : String(error);
    const message = `The Service or its EndpointSlices cannot be written; it is tried again. ${why}`;
    this.#conclude(key, kept, {
      writes: [],
      condition: { type: "ImportServiceValid", status: "False", reason: "WriteFailed", message },
    });
  }
}

/** Whether an Import asks for the same in both: what it is called, what it says, and where it is listened for. */
function isSame(a: KeptImport | undefined, b: KeptImport | undefined): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined || a.port !== b.port) return false;
  const [one, other] = [a.imported.metadata, b.imported.metadata];
  return (
    one.uid === other.uid && one.generation === other.generation && Bun.deepEquals(one.labels ?? {}, other.labels ?? {})
  );
}

/** What was known was out of date, and the watch tells the news or the next try sees it. */
const LATE: ReadonlySet<string> = new Set(["Conflict", "NotFound", "AlreadyExists"]);

/** @returns whether an error says nothing yet of what the API server will answer: a connection lost, a server that is overrun. */
function mayPass(error: unknown): boolean {
  if (!(error instanceof KubeApiError)) return false;
  const { code, httpStatus = 503 } = error;
  return LATE.has(code) || (code === "Unavailable" && (httpStatus >= 500 || httpStatus === 429));
}
