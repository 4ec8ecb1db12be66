import type { ImportResource } from "../../resources/kinds.ts";
import type { ObjectKey } from "../../resources/meta.ts";
import type { KubeClient } from "../../store/kubernetes/client.ts";
import { KubeApiError } from "../../store/kubernetes/error.ts";
import { type EndpointSlice, keyOfObject, SERVICES, type Service } from "../../store/kubernetes/resource.ts";
import type { Logger } from "../../telemetry/log.ts";
import type { WantedCondition } from "../status-writer.ts";
import { KeyQueue } from "./key-queue.ts";
import { Known } from "./known.ts";
import { importOfService, importOfSlice, serviceOfSlice } from "./ownership.ts";
import { type Plan, planOf, type Scene } from "./plan.ts";
import { trimService, trimSlice } from "./trim.ts";
import type { Watches } from "./watches.ts";
import type { Write } from "./write.ts";

export interface ServiceKeeperOptions {
  client: Pick<KubeClient, "create" | "patch" | "delete">;
  services: Watches<Service>;
  slices: Watches<EndpointSlice>;
  /** Key of the gateway's own Service. */
  gatewayService: ObjectKey;
  /** Of the leadership, while this process has it: nothing is written without. */
  leadership: () => AbortSignal | undefined;
  /** Called when a condition has changed. */
  onChange: () => void;
  /** Called after a Service that had been in place was put right; the message is for people. */
  onRepair: (imported: ImportResource, message: string) => void;
  log: Logger;
}

/** An Import, with the port that it listens on. */
export interface KeptImport {
  imported: ImportResource;
  port: number | undefined;
}

/** Imports that are worked on at once: the API server answers within milliseconds, so more would only queue there. */
const CONCURRENCY = 8;

/** Keeps the Services and EndpointSlices of all Imports what they have to be, and nothing else of the cluster. */
export class ServiceKeeper {
  readonly #services: Known<Service>;
  readonly #slices: Known<EndpointSlice>;
  readonly #queue: KeyQueue;
  #imports: ReadonlyMap<ObjectKey, KeptImport> | undefined;
  readonly #conditions = new Map<ObjectKey, WantedCondition>();

  constructor(readonly options: ServiceKeeperOptions) {
    const { gatewayService, services, slices } = options;
    this.#services = new Known((service) => [importOfService(service) ?? []].flat());
    this.#slices = new Known((slice) => [serviceOfSlice(slice) ?? []].flat());
    this.#queue = new KeyQueue({
      concurrency: CONCURRENCY,
      work: (key) => this.#reconcile(key),
      onFailure: (key, error, failures) => this.#failed(key, error, failures),
    });
    services.subscribe((changes) => {
      const touched = this.#services.take(changes);
      for (const { key } of changes) touched.add(key);
      this.#touch(touched);
    });
    slices.subscribe((changes) => {
      const touched = this.#slices.take(changes);
      if (touched.has(gatewayService)) this.#touchAll();
      else this.#touch(touched);
    });
  }

  /** What came of an Import's Service; undefined while this process has not looked after it. */
  condition(key: ObjectKey): WantedCondition | undefined {
    return this.#conditions.get(key);
  }

  /** Writes that are still to be made, or tried again, concern so many Imports. */
  get backlog(): number {
    return this.#queue.size;
  }

  /** Takes the Imports that there are, in place of those before. */
  update(imports: ReadonlyMap<ObjectKey, KeptImport>): void {
    const before = this.#imports;
    this.#imports = imports;
    if (before === undefined) {
      this.#touchAll();
      return;
    }
    const touched: ObjectKey[] = [];
    for (const [key, { imported, port }] of imports) {
      const old = before.get(key);
      if (old?.imported !== imported || old.port !== port) touched.push(key);
    }
    for (const key of before.keys()) if (!imports.has(key)) touched.push(key);
    this.#touch(touched);
  }

  /** Begins to write: the leadership has been won. */
  lead(): void {
    this.#queue.resume();
    this.#touchAll();
  }

  /** Writes no more. Resolves when the writes under way have ended. */
  async rest(): Promise<void> {
    this.#conditions.clear();
    await this.#queue.pause();
  }

  /** Every Import, and whatever was made for one that may be gone. */
  #touchAll(): void {
    this.#touch([...(this.#imports?.keys() ?? []), ...this.#services.groups, ...this.#slices.groups]);
  }

  #touch(keys: Iterable<ObjectKey>): void {
    if (this.#imports === undefined || this.options.leadership() === undefined) return;
    this.#queue.add([...keys].filter((key) => this.#concerns(key)));
  }

  /** Most Services and EndpointSlices of a cluster have nothing to do with Imports. */
  #concerns(key: ObjectKey): boolean {
    return (
      this.#imports?.has(key) === true ||
      this.#conditions.has(key) ||
      this.#services.inGroup(key).length > 0 ||
      this.#slices.inGroup(key).some((slice) => importOfSlice(slice) !== undefined)
    );
  }

  /** What comes of it counts only as long as the leadership lasts under which it began. */
  async #reconcile(key: ObjectKey): Promise<void> {
    const leadership = this.options.leadership();
    if (leadership === undefined) return;
    const scene = this.#sceneOf(key);
    const plan = planOf(scene);
    for (const write of plan.writes) {
      await this.#execute(write, leadership);
      if (leadership.aborted) return;
      this.#told(scene, write);
    }
    this.#conclude(key, plan);
  }

  #sceneOf(key: ObjectKey): Scene {
    const { gatewayService } = this.options;
    const kept = this.#imports?.get(key);
    const strays = this.#services.inGroup(key).filter((service) => {
      const own = keyOfObject(service);
      return own !== key && !this.#imports?.has(own);
    });
    return {
      key,
      imported: kept?.imported,
      port: kept?.port,
      service: this.#services.get(key),
      strays,
      slices: this.#slices.inGroup(key),
      ours: (slice) => importOfSlice(slice) !== undefined,
      gateway: this.#slices.inGroup(gatewayService).filter((slice) => importOfSlice(slice) === undefined),
      gatewayService,
    };
  }

  async #execute(write: Write, signal: AbortSignal): Promise<void> {
    const { client, log } = this.options;
    log.info(`${write.verb} ${write.resource.plural}`, { object: nameOf(write), why: write.why });
    switch (write.verb) {
      case "create":
        this.#wrote(write, await client.create(write.resource, write.object, { signal }));
        return;
      case "patch":
        this.#wrote(write, await client.patch(write.resource, write.object, write.patch, { signal }));
        return;
      case "delete": {
        const { preconditions } = write;
        await client.delete(write.resource, write.object, { signal, ...(preconditions ? { preconditions } : {}) });
        this.#wrote(write, undefined);
      }
    }
  }

  #wrote(write: Write, answer: object | undefined): void {
    const key = nameOf(write);
    if (write.resource === SERVICES) {
      this.#services.wrote(key, answer === undefined ? undefined : trimService(answer as Service));
    } else if (write.resource.plural === "endpointslices") {
      this.#slices.wrote(key, answer === undefined ? undefined : trimSlice(answer as EndpointSlice, () => false));
    }
  }

  /** A Service that was there when its Import was judged last, and is changed though the Import and its port are not. */
  #told({ imported, port }: Scene, write: Write): void {
    if (imported === undefined || write.resource !== SERVICES || write.verb === "delete") return;
    const { status, metadata } = imported;
    if (status?.targetPort !== port) return;
    const judged = status?.conditions?.find(({ type }) => type === "ImportServiceValid");
    if (judged?.status !== "True" || judged.observedGeneration !== metadata.generation) return;
    if (judged.reason === "Merged") return;
    const what = write.verb === "create" ? "was deleted and is made again" : "was changed and is put right";
    this.options.onRepair(imported, `Service ${nameOf(write)} ${what}.`);
  }

  #conclude(key: ObjectKey, { condition }: Plan): void {
    const before = this.#conditions.get(key);
    if (condition === undefined) this.#conditions.delete(key);
    else this.#conditions.set(key, condition);
    if (!Bun.deepEquals(before, condition)) this.options.onChange();
  }

  #failed(key: ObjectKey, error: unknown, failures: number): void {
    if (this.options.leadership() === undefined) return;
    const late = error instanceof KubeApiError && LATE.has(error.code);
    // What was known was out of date: the watch tells the news, or the next try sees it.
    if (late && failures <= 3) return;
    this.options.log.warn("the Service of an Import cannot be brought to what it has to be", { import: key, error });
    if (!this.#imports?.has(key)) return;
    const why = error instanceof Error ? error.message : String(error);
    const message = `The Service or its EndpointSlices cannot be written; it is tried again. ${why}`;
    this.#conclude(key, {
      writes: [],
      condition: { type: "ImportServiceValid", status: "False", reason: "WriteFailed", message },
    });
  }
}

const LATE: ReadonlySet<string> = new Set(["Conflict", "NotFound", "AlreadyExists"]);

function nameOf(write: Write): ObjectKey {
  const { namespace, name } = write.verb === "create" ? write.object.metadata : write.object;
  return namespace === undefined ? name : `${namespace}/${name}`;
}
