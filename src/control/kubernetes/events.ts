import type { KindName, ResourceOf } from "../../resources/kinds.ts";
import { API_VERSION, type Condition } from "../../resources/meta.ts";
import { formatTimestamp } from "../../resources/timestamp.ts";
import type { KubeClient } from "../../store/kubernetes/client.ts";
import { KubeApiError } from "../../store/kubernetes/error.ts";
import { EVENTS, type KubeEvent } from "../../store/kubernetes/resource.ts";
import type { Logger } from "../../telemetry/log.ts";

/** What is told of an object. */
export interface Occurrence {
  type: "Normal" | "Warning";
  /** CamelCase. */
  reason: string;
  message: string;
}

export interface EventsOptions {
  client: Pick<KubeClient, "create" | "patch">;
  /** Name of this pod or host. */
  instance: string;
  /** Nothing is written without the leadership. */
  leadership: () => AbortSignal | undefined;
  log: Logger;
  /** Milliseconds since the epoch. */
  clock?: () => number;
}

interface Told {
  name: string;
  count: number;
}

interface Pending {
  key: string;
  object: ResourceOf<KindName>;
  occurrence: Occurrence;
}

/** Events that wait for a slow API server; those beyond are dropped, since conditions say the same. */
const MAX_WAITING = 500;

/** Different events that are remembered, to be counted when they come again. */
const MAX_TOLD = 2_000;

/** The longest note that an event may have. */
const MAX_MESSAGE = 1_024;

/**
 * Tells what happened to an object, for `kubectl describe` and `kubectl get events`. What is told again is counted, not
 * repeated. Nobody waits for it, and nothing rests on it.
 */
export class Events {
  readonly #told = new Map<string, Told>();
  readonly #waiting: Pending[] = [];
  #working: Promise<void> | undefined;

  constructor(readonly options: EventsOptions) {}

  tell(object: ResourceOf<KindName>, occurrence: Occurrence): void {
    if (this.#waiting.length >= MAX_WAITING || this.options.leadership() === undefined) return;
    const key = [object.metadata.uid, occurrence.type, occurrence.reason, occurrence.message].join("\n");
    this.#waiting.push({ key, object, occurrence });
    this.#working ??= this.#work();
  }

  /** Tells nothing more; resolves when the request under way has ended. */
  async stop(): Promise<void> {
    this.#waiting.length = 0;
    await this.#working;
  }

  async #work(): Promise<void> {
    await Promise.resolve();
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      const signal = this.options.leadership();
      if (signal === undefined) break;
      try {
        await this.#write(next, signal);
      } catch (error) {
        this.options.log.debug("an event cannot be written", { error });
      }
    }
    this.#waiting.length = 0;
    this.#working = undefined;
  }

  async #write({ key, object, occurrence }: Pending, signal: AbortSignal): Promise<void> {
    const now = (this.options.clock ?? Date.now)();
    const namespace = object.metadata.namespace ?? "default";
    const told = this.#told.get(key);
    this.#told.delete(key);
    if (told !== undefined && (await this.#count(told, namespace, now, signal))) {
      this.#told.set(key, { ...told, count: told.count + 1 });
      return;
    }
    const name = `${object.metadata.name}.${crypto.randomUUID().replaceAll("-", "").slice(0, 16)}`;
    await this.options.client.create(EVENTS, this.#eventOf(name, namespace, object, occurrence, now), { signal });
    this.#told.set(key, { name, count: 1 });
    for (const oldest of this.#told.keys()) {
      if (this.#told.size <= MAX_TOLD) break;
      this.#told.delete(oldest);
    }
  }

  /** @returns whether the event was still there to be counted: Kubernetes keeps events for an hour or so. */
  async #count({ name, count }: Told, namespace: string, now: number, signal: AbortSignal): Promise<boolean> {
    const patch = { count: count + 1, lastTimestamp: formatTimestamp(now) };
    try {
      await this.options.client.patch(EVENTS, { namespace, name }, patch, { signal });
      return true;
    } catch (error) {
      if (error instanceof KubeApiError && error.code === "NotFound") return false;
      throw error;
    }
  }

  #eventOf(
    name: string,
    namespace: string,
    { kind, metadata }: ResourceOf<KindName>,
    { type, reason, message }: Occurrence,
    now: number,
  ): KubeEvent {
    const time = formatTimestamp(now);
    const { namespace: of, name: objectName, uid, resourceVersion } = metadata;
    return {
      metadata: { name, namespace },
      involvedObject: {
        apiVersion: API_VERSION,
        kind,
        name: objectName,
        uid,
        resourceVersion,
        ...(of === undefined ? {} : { namespace: of }),
      },
      type,
      reason,
      message: message.length > MAX_MESSAGE ? `${message.slice(0, MAX_MESSAGE - 1)}…` : message,
      count: 1,
      firstTimestamp: time,
      lastTimestamp: time,
      source: { component: "clusterlink", host: this.options.instance },
      reportingComponent: "clusterlink.net/gateway",
      reportingInstance: this.options.instance,
    };
  }
}

/** The reason of a condition that points to another one, which tells already. */
const CONSEQUENCE = "NoPort";

/**
 * @returns what a change of conditions is worth telling: something that does not hold, and something that holds again.
 * That all is well from the start is not news.
 */
export function occurrencesOf(
  before: readonly Condition[] | undefined,
  after: readonly Condition[] | undefined,
): Occurrence[] {
  return (after ?? []).flatMap(({ type, status, reason, message }): Occurrence[] => {
    if (reason === CONSEQUENCE) return [];
    const old = before?.find((condition) => condition.type === type);
    if (status === "False") {
      const same = old?.status === status && old.reason === reason && old.message === message;
      return same ? [] : [{ type: "Warning", reason, message }];
    }
    return status === "True" && old?.status === "False" ? [{ type: "Normal", reason, message }] : [];
  });
}
