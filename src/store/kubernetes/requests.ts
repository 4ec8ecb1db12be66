/** What can be asked of the Kubernetes API, and what comes back. */

/** Which objects of a resource. */
export interface Selection {
  /** Left out: all namespaces. */
  namespace?: string | undefined;
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
}

export interface PageOptions extends Selection {
  limit?: number | undefined;
  continue?: string | undefined;
  resourceVersion?: string | undefined;
  signal?: AbortSignal | undefined;
}

export interface Page<T> {
  items: T[];
  resourceVersion: string;
  /** Where the next page begins; absent on the last. */
  continue?: string;
  remainingItemCount?: number;
}

export interface RequestOptions {
  dryRun?: boolean | undefined;
  /** Default: `clusterlink`. */
  fieldManager?: string | undefined;
  signal?: AbortSignal | undefined;
}

export interface PatchOptions extends RequestOptions {
  /** Default: `merge` (RFC 7386). `json` is RFC 6902; `apply` is server-side apply. */
  type?: "merge" | "json" | "apply";
  /** For example `status`. */
  subresource?: string;
  /** With `apply`: takes over fields that others manage. */
  force?: boolean;
}

export interface DeleteOptions extends RequestOptions {
  preconditions?: { uid?: string; resourceVersion?: string } | undefined;
  propagationPolicy?: "Background" | "Foreground" | "Orphan";
  gracePeriodSeconds?: number;
}

export interface WatchOptions extends Selection {
  /** Events after this version are delivered. */
  resourceVersion: string;
  /** How long the server is to keep it open, seconds. */
  timeoutSeconds?: number;
  /** Called when the server has begun to answer, which may be long before there is anything to tell. */
  onOpen?: () => void;
  signal: AbortSignal;
}

export type WatchFrame<T> =
  | { type: "ADDED" | "MODIFIED" | "DELETED"; object: T }
  | { type: "BOOKMARK"; resourceVersion: string };
