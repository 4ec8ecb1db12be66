import { KINDS, type KindName } from "../../resources/kinds.ts";

export interface ScopeOptions {
  /** The gateway's own namespace, where its Peers are. */
  namespace: string;
  /** The only namespace whose Imports, Exports and AccessPolicies count; undefined for all. */
  watchNamespace?: string | undefined;
  /** Whether PrivilegedAccessPolicies are read. Default: true. */
  privilegedPolicies?: boolean | undefined;
}

/** Where objects of a kind are looked for: nowhere, in one namespace, or (undefined) in all. */
export type Scope = "nowhere" | { namespace: string | undefined };

/** @returns where the objects of a kind are that a caller asks for, in all namespaces when it names none. */
export function scopeOf(options: ScopeOptions, kind: KindName, asked?: string): Scope {
  if (KINDS[kind].standaloneOnly) return "nowhere";
  if (!KINDS[kind].namespaced) {
    return kind === "PrivilegedAccessPolicy" && options.privilegedPolicies === false
      ? "nowhere"
      : { namespace: undefined };
  }
  if (options.watchNamespace === undefined) return { namespace: asked };
  const only = kind === "Peer" ? options.namespace : options.watchNamespace;
  return asked === undefined || asked === only ? { namespace: only } : "nowhere";
}
