import type { ObjectKey } from "../../resources/meta.ts";
import type { KubeClient } from "../../store/kubernetes/client.ts";
import { type ChangeListener, Informer } from "../../store/kubernetes/informer.ts";
import type { Selection } from "../../store/kubernetes/requests.ts";
import { type KubeObject, type KubeResource, resourceName } from "../../store/kubernetes/resource.ts";
import type { Logger } from "../../telemetry/log.ts";

export interface FollowOptions<T extends KubeObject, P> {
  client: Pick<KubeClient, "list" | "watch">;
  resource: KubeResource<T>;
  /** Parts of the cluster that do not overlap. */
  selections: readonly Selection[];
  /** What is kept of an object. */
  project: (object: T) => P | undefined;
  /** Objects on a page of a list, where less is kept than comes. Default: 500. */
  pageSize?: number;
  log: Logger;
}

/** @returns what follows a resource in these parts of the cluster, once it is started. */
export function follow<T extends KubeObject, P>(options: FollowOptions<T, P>): Watches<P> {
  const { client, resource, selections, project, pageSize, log } = options;
  const paged = pageSize === undefined ? {} : { pageSize };
  const informers = selections.map(
    (selection) => new Informer({ client, resource, selection, project, log, ...paged }),
  );
  return new Watches(resourceName(resource), informers);
}

/** What an informer gives, whatever its objects are. */
type Followed<P> = Pick<
  Informer<KubeObject, P>,
  "synced" | "failure" | "lastContact" | "get" | "values" | "subscribe" | "start" | "stop"
>;

/** What is followed of one resource, in one or several parts of the cluster that do not overlap. */
export class Watches<P> {
  /** @param name - of the resource, for people */
  constructor(
    readonly name: string,
    readonly informers: readonly Followed<P>[],
  ) {}

  get synced(): boolean {
    return this.informers.every(({ synced }) => synced);
  }

  /** Why it is behind the cluster at present, for people. */
  get problems(): string[] {
    return this.informers.flatMap(({ failure }) =>
      failure === undefined ? [] : [`the ${this.name} cannot be read: ${failure}`],
    );
  }

  /** Whether a part has failed, and was last heard of so many milliseconds ago. */
  isStale(milliseconds: number, now: number): boolean {
    return this.informers.some(
      ({ failure, lastContact }) => failure !== undefined && now - (lastContact ?? 0) >= milliseconds,
    );
  }

  get(key: ObjectKey): P | undefined {
    for (const informer of this.informers) {
      const object = informer.get(key);
      if (object !== undefined) return object;
    }
    return undefined;
  }

  *values(): Generator<P> {
    for (const informer of this.informers) yield* informer.values();
  }

  /** Tells every change from now on, what is there already first. */
  subscribe(listener: ChangeListener<P>): void {
    for (const informer of this.informers) informer.subscribe(listener);
  }

  start(): void {
    for (const informer of this.informers) informer.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.informers.map((informer) => informer.stop()));
  }
}
