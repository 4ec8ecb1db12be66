import { hostname } from "node:os";
import { KeyRotation } from "../control/kubernetes/key-rotation.ts";
import { loadSharedKeys, readSharedKeys, type SharedKeys } from "../control/kubernetes/shared-keys.ts";
import { KubernetesSite } from "../control/kubernetes/site.ts";
import { backoff } from "../store/backoff.ts";
import { accessFaults } from "../store/kubernetes/access.ts";
import { KubeClient } from "../store/kubernetes/client.ts";
import { KubeApiError } from "../store/kubernetes/error.ts";
import { loadConnection } from "../store/kubernetes/kubeconfig.ts";
import { KubernetesStore } from "../store/kubernetes/kubernetes-store.ts";
import type { Logger } from "../telemetry/log.ts";
import type { ChildConfig } from "./child-protocol.ts";
import { ConfigError, type KubernetesConfig } from "./config.ts";
import { type KeysInUse, type OpenSite, reservedPorts } from "./open-site.ts";

/** How long a connection from an unknown address waits for its pod to be told of, milliseconds. */
const IDENTITY_WAIT = 1_000;

/** Between two tries to reach the API server at the start, milliseconds. */
const RETRY = { first: 200, longest: 5_000 };

/**
 * Opens a site whose resources are in a Kubernetes cluster. While the API server is away it waits: relays that run go
 * on meanwhile.
 *
 * @throws CredentialsError when the cluster or the credentials cannot be found; ConfigError when the gateway may not
 * read what it obeys; SharedKeyError
 */
export async function openKubernetesSite(
  { gateway, instance }: ChildConfig,
  config: KubernetesConfig,
  log: Logger,
  ended: AbortSignal,
): Promise<OpenSite> {
  const { namespace } = gateway;
  const { watchNamespace, privilegedPolicies } = config;
  const connection = await loadConnection(config);
  const client = new KubeClient({ connection });
  const scope = { namespace, privilegedPolicies, ...(watchNamespace === undefined ? {} : { watchNamespace }) };
  const keys = await untilReached(log, ended, async (): Promise<SharedKeys> => {
    const faults = await accessFaults(new ReachableClient(client), scope);
    if (faults.length > 0) throw new ConfigError(faults.map((fault) => `--kubernetes: ${fault}`));
    return loadSharedKeys(client, namespace, ended);
  });
  const store = new KubernetesStore({ client, log, ...scope });
  const kind = new KubernetesSite({
    client,
    store,
    ...scope,
    importAddress: gateway.importAddress,
    reserved: reservedPorts(gateway),
    identity: `${hostname()}_${instance}`,
    instance: hostname(),
    identityMaxAge: gateway.identityMaxAge,
    log,
  });
  let rotation: KeyRotation | undefined;
  return {
    store,
    kind,
    served: undefined,
    authzKey: keys.authz,
    tokenKey: keys.token,
    followKeys(onChange: (keys: KeysInUse) => void) {
      rotation = new KeyRotation({
        first: keys,
        load: (signal) => readSharedKeys(client, namespace, signal),
        onChange: ({ signing, accepted }) =>
          onChange({
            authzKey: signing.authz,
            acceptedAuthzKeys: accepted.map(({ authz }) => authz),
            tokenKey: signing.token,
          }),
        log,
      });
      rotation.start();
    },
    close: () => rotation?.stop(),
    identities: { identityWait: IDENTITY_WAIT, identityMaxAge: gateway.identityMaxAge },
  };
}

/** The API server was not reached at all: no word on what it would allow. */
class Unreached extends Error {}

/** Tells apart, for {@link accessFaults}, who says no from who says nothing. */
class ReachableClient {
  constructor(readonly client: KubeClient) {}

  readonly page: KubeClient["page"] = async (resource, options) => {
    try {
      return await this.client.page(resource, options);
    } catch (error) {
      if (isAway(error)) throw new Unreached(error.message, { cause: error });
      throw error;
    }
  };
}

function isAway(error: unknown): error is KubeApiError {
  return (
    error instanceof KubeApiError &&
    error.code === "Unavailable" &&
    (error.httpStatus === undefined || error.httpStatus >= 500 || error.httpStatus === 429)
  );
}

async function untilReached<T>(log: Logger, ended: AbortSignal, ask: () => Promise<T>): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      return await ask();
    } catch (error) {
      ended.throwIfAborted();
      if (!(error instanceof Unreached) && !isAway(error)) throw error;
      log.warn("the API server cannot be reached; trying again", { error });
    }
    await Bun.sleep(backoff(failures, RETRY));
    ended.throwIfAborted();
  }
}
