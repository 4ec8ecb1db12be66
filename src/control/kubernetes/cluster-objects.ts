import { type ObjectKey, objectKey } from "../../resources/meta.ts";
import type { KubeClient } from "../../store/kubernetes/client.ts";
import { isObjectMissing, KubeApiError } from "../../store/kubernetes/error.ts";
import { ENDPOINT_SLICES, type EndpointSlice, SERVICES, type Service } from "../../store/kubernetes/resource.ts";
import type { Logger } from "../../telemetry/log.ts";
import { sliceReclaim } from "./desired-slices.ts";
import { Known } from "./known.ts";
import { importOfService, serviceOfSlice } from "./ownership.ts";
import { trimService, trimSlice } from "./trim.ts";
import type { Write } from "./write.ts";

export interface ClusterObjectsOptions {
  client: Pick<KubeClient, "page" | "create" | "patch" | "delete">;
  log: Logger;
}

/** The Services and EndpointSlices of a cluster, as they are known, and the writes to them. */
export class ClusterObjects {
  /** In groups by the Import that they were made for. */
  readonly services = new Known<Service>((service) => [importOfService(service) ?? []].flat());
  /** In groups by their Service. */
  readonly slices = new Known<EndpointSlice>((slice) => [serviceOfSlice(slice) ?? []].flat());

  constructor(readonly options: ClusterObjectsOptions) {}

  /** Makes one write; what came of it is known at once. @throws KubeApiError */
  async execute(write: Write, signal: AbortSignal): Promise<void> {
    this.options.log.info(`${write.verb} ${write.resource.plural}`, { object: keyOfWrite(write), why: write.why });
    try {
      await this.#send(write, signal);
    } catch (error) {
      if (write.verb === "patch" && isObjectMissing(error)) this.#forget(write);
      const taken = error instanceof KubeApiError && error.code === "AlreadyExists";
      const reclaim = taken ? await this.#reclaim(write, signal) : undefined;
      if (reclaim === undefined) throw error;
      await this.#send(reclaim, signal);
    }
  }

  async #send(write: Write, signal: AbortSignal): Promise<void> {
    const { client } = this.options;
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

  /** An EndpointSlice that is in the way may be ours and have lost the labels that it is known by. */
  async #reclaim(write: Write, signal: AbortSignal): Promise<Write | undefined> {
    if (write.verb !== "create" || write.resource.plural !== ENDPOINT_SLICES.plural) return undefined;
    const { namespace, name } = write.object.metadata;
    const selection = { namespace, fieldSelector: `metadata.name=${name}`, signal };
    const [present] = (await this.options.client.page(ENDPOINT_SLICES, selection)).items;
    return present && sliceReclaim(present, write.object as EndpointSlice);
  }

  #wrote(write: Write, answer: object | undefined): void {
    const key = keyOfWrite(write);
    if (write.resource.plural === SERVICES.plural) {
      this.services.wrote(key, answer === undefined ? undefined : trimService(answer as Service));
    } else if (write.resource.plural === ENDPOINT_SLICES.plural) {
      this.slices.wrote(key, answer === undefined ? undefined : trimSlice(answer as EndpointSlice, () => false));
    }
  }

  #forget(write: Write): void {
    const known = write.resource.plural === SERVICES.plural ? this.services : this.slices;
    known.forget(keyOfWrite(write));
  }
}

/** @returns the key of the object that a write is to. */
export function keyOfWrite(write: Write): ObjectKey {
  const { namespace, name } = write.verb === "create" ? write.object.metadata : write.object;
  return objectKey(namespace, name);
}
