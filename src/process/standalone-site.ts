import { join } from "node:path";
import { loadTokenKey } from "../api/token-key.ts";
import { loadAuthzKey } from "../control/authz-key.ts";
import type { Control } from "../control/control.ts";
import { standaloneSite } from "../control/reconcile/site-kind.ts";
import { ManifestFolder } from "../store/manifests.ts";
import { StandaloneStore } from "../store/standalone/standalone-store.ts";
import type { Logger } from "../telemetry/log.ts";
import type { ChildConfig } from "./child-protocol.ts";
import type { GatewayConfig } from "./config.ts";
import { type OpenSite, reservedPorts } from "./open-site.ts";

/**
 * Opens a site that keeps its resources itself, in `--state`.
 *
 * @throws StoreError, TokenKeyError
 */
export async function openStandaloneSite({ gateway }: ChildConfig, log: Logger): Promise<OpenSite> {
  const { state, namespace } = gateway;
  const store = new StandaloneStore({ directory: state, namespace });
  let folder: ManifestFolder | undefined;
  return {
    store,
    served: store,
    kind: standaloneSite({ importAddress: gateway.importAddress, reserved: reservedPorts(gateway) }),
    authzKey: loadAuthzKey(join(state, "authz.key")),
    tokenKey: await loadTokenKey(join(state, "token.key")),
    async beforeStart(control) {
      folder = await followManifests(gateway, store, control, log);
    },
    close: () => folder?.close(),
    closeStore: () => store.close(),
  };
}

/** Applies `--manifests` before the first snapshot is made; without it, what came from files belongs to the API again. */
async function followManifests(
  { manifests, namespace }: GatewayConfig,
  store: StandaloneStore,
  control: Control,
  log: Logger,
): Promise<ManifestFolder | undefined> {
  if (manifests === undefined) {
    store.releaseManifests();
    return undefined;
  }
  const onProblems = (problems: readonly string[]) => {
    for (const problem of problems) log.warn("a manifest cannot be applied", { problem });
    control.problems.set("manifests", problems);
  };
  const folder = new ManifestFolder({ directory: manifests, namespace, store, onProblems });
  await folder.start();
  return folder;
}
