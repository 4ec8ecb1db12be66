/** Which namespace is meant where the user names none. */
import type { KindDefinition } from "../resources/kinds.ts";
import type { SiteStatus } from "../snapshot/status.ts";
import type { Client } from "./client.ts";
import { CliError } from "./errors.ts";

/** Where everything but Peers is, unless an object or `-n` says otherwise. */
export const DEFAULT_NAMESPACE = "default";

/** The help text of `-n`. */
export const NAMESPACE_HELP = `namespace (default: the gateway's own for peers, '${DEFAULT_NAMESPACE}' for the rest)`;

/** Where Peers are, unless the gateway tells another namespace as its own. */
const GATEWAY_NAMESPACE = "clusterlink-system";

/** Finds the namespace of a kind; `undefined` for cluster-scoped kinds. */
export type NamespaceFinder = (definition: KindDefinition) => Promise<string | undefined>;

/**
 * @returns a finder for one site: `given` (the user's `-n`) for every kind, else the gateway's own namespace for Peers
 * and `default` for the rest. The gateway is asked once, and only for Peers.
 *
 * Throws a usage error for an empty name, as of a variable that is not set.
 */
export function namespaceFinder(client: Client, given: string | undefined): NamespaceFinder {
  if (given === "") throw new CliError("usage", "-n '' is no namespace: give a name, or leave it out for the default");
  let own: Promise<string> | undefined;
  return async (definition) => {
    if (!definition.namespaced) return undefined;
    if (given !== undefined || definition.kind !== "Peer") return given ?? DEFAULT_NAMESPACE;
    if (client.target.kind === "cluster") return client.target.namespace;
    own ??= client.json<SiteStatus>("/status").then((status) => status.namespace ?? GATEWAY_NAMESPACE);
    return own;
  };
}
