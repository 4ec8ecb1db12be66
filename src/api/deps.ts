import type { Store } from "../store/store.ts";
import type { Logger } from "../telemetry/log.ts";
import type { SiteView } from "./site-view.ts";
import type { Scope, Tokens } from "./tokens.ts";

/** What the API is built on. */
export interface ApiDeps {
  /** Absent where the resources are in a Kubernetes cluster, which serves them itself. */
  store?: Store;
  /** The namespaces that exist, sorted. */
  namespaces: () => Promise<readonly string[]>;
  site: SiteView;
  tokens: Tokens;
  /**
   * `none` on a door that is itself the protection (the private unix socket): everyone there is `admin`.
   * `token` where every request must carry one.
   */
  auth: "none" | "token";
  /** Of this program, for example `0.1.0`. */
  version: string;
  log: Logger;
  /** Milliseconds since the epoch. Default: the system's clock. */
  now?: () => number;
  /** Ends every watch when the site closes. */
  closing?: AbortSignal;
  /** Watches that may be open at once through this app; more are told to try again. Default: 1,000. */
  maxWatches?: number;
}

/** What the middleware leaves for the handlers. */
export interface ApiEnv {
  Variables: { scope: Scope };
}
