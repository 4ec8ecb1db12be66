import { KIND_NAMES, KINDS } from "../../resources/kinds.ts";
import type { KubeClient } from "./client.ts";
import { KubeApiError } from "./error.ts";
import { customResource, resourceName } from "./resource.ts";
import { type ScopeOptions, scopeOf } from "./scope.ts";

/**
 * Asks whether the server lets a gateway read what it obeys.
 * @returns what is wrong, one line each with the remedy; empty when a gateway can start
 */
export async function accessFaults(client: Pick<KubeClient, "page">, options: ScopeOptions): Promise<string[]> {
  const faults = await Promise.all(
    KIND_NAMES.map(async (kind): Promise<string | undefined> => {
      const scope = scopeOf(options, kind);
      if (scope === "nowhere") return undefined;
      const resource = customResource(kind);
      try {
        await client.page(resource, { ...scope, limit: 1 });
        return undefined;
      } catch (error) {
        if (!(error instanceof KubeApiError)) throw error;
        return describe(error, resourceName(resource), kind === "PrivilegedAccessPolicy", options);
      }
    }),
  );
  return [...new Set(faults.filter((fault) => fault !== undefined))];
}

function describe(error: KubeApiError, name: string, privileged: boolean, options: ScopeOptions): string {
  if (error.httpStatus === 404) return `the cluster does not know ${name}; apply manifests/crds first`;
  if (error.httpStatus !== 403) return error.message;
  const where = options.watchNamespace === undefined || privileged ? "the whole cluster" : "its namespace";
  const remedy =
    privileged && options.watchNamespace !== undefined
      ? "grant them by a ClusterRole, or give --no-privileged-policies to do without the administrators' policies"
      : "apply manifests/gateway, or grant them";
  const { singular } = KINDS.PrivilegedAccessPolicy;
  const subject = privileged ? `${singular} objects (${name})` : name;
  return `the gateway may not get, list and watch ${subject} in ${where}; ${remedy}: ${error.message}`;
}
