import type { Control } from "../control/control.ts";
import type { SiteKind } from "../control/reconcile/site-kind.ts";
import type { SiteEntry } from "../snapshot/tables.ts";
import type { Store } from "../store/store.ts";
import type { GatewayConfig } from "./config.ts";

/** The keys of the tokens, while they are replaced. */
export interface KeysInUse {
  authzKey: string;
  /** Other keys of `/authz` whose tokens are good too. */
  acceptedAuthzKeys: readonly string[];
  tokenKey: Uint8Array;
}

/** What differs between sites of their own and those in Kubernetes, ready for control. */
export interface OpenSite {
  store: Store;
  kind: SiteKind;
  /** The store that the control API serves; undefined where the resources are served elsewhere. */
  served: Store | undefined;
  /** Base64 of the key that `/authz` tokens are signed with. */
  authzKey: string;
  /** What the API's tokens are signed with. */
  tokenKey: Uint8Array;
  /** Follows the keys, where they can be replaced while the gateway runs. */
  followKeys?(onChange: (keys: KeysInUse) => void): void;
  /** See the site's row in the snapshot. */
  identities?: Pick<SiteEntry, "identityWait" | "identityMaxAge">;
  /** What has to be done before the first snapshot is made. */
  beforeStart?(control: Control): Promise<void>;
  /** Called at the end, before control stops. */
  close?(): void;
  /** Called at the very end. */
  closeStore?(): void;
}

/** @returns the ports of the gateway itself, which no Import may have, each with a name for people. */
export function reservedPorts({ listen, apiListen }: GatewayConfig): Map<number, string> {
  const ports = new Map([[listen.port, "the gateway's peer port (--listen)"]]);
  if (apiListen) ports.set(apiListen.port, "the control API (--api-listen)");
  return ports;
}
