import { createApi } from "../api/app.ts";
import type { Door } from "../api/door.ts";
import { type HttpsDoor, openHttpsDoor, type ServerCertificate } from "../api/https-door.ts";
import { ExplainError, type SiteView } from "../api/site-view.ts";
import { createTokens, type Tokens } from "../api/tokens.ts";
import { openUnixDoor } from "../api/unix-door.ts";
import { ExplainTargetError } from "../control/explain.ts";
import type { Site } from "../control/site.ts";
import type { Store } from "../store/store.ts";
import type { Logger } from "../telemetry/log.ts";
import { exposedSocketPath, type GatewayConfig } from "./config.ts";

export interface DoorsOptions {
  gateway: GatewayConfig;
  /** Absent where the resources are in a Kubernetes cluster. */
  store: Store | undefined;
  /** What the API's tokens are signed with. */
  tokenKey: Uint8Array;
  site: Site;
  certificates: ServerCertificate;
  version: string;
  log: Logger;
}

/** The doors of the control API that a configuration opens. */
export interface ApiDoors {
  /** For HTTPS connections from now on. */
  replaceCertificate(certificate: ServerCertificate): void;
  /** Tokens that were signed with the key before are good no more. */
  replaceTokenKey(key: Uint8Array): void;
  close(): Promise<void>;
}

/** How long requests that are under way may take at the end, milliseconds. */
const CLOSE_GRACE = 500;

/**
 * Opens the private socket, and for what comes from outside a second one on which every request needs a token: relays
 * and the HTTPS listener hand connections to that.
 *
 * @throws DoorError
 */
export function openDoors(options: DoorsOptions): ApiDoors {
  const { gateway, store, tokenKey, site, certificates, version, log } = options;
  const closing = new AbortController();
  let current = createTokens(tokenKey);
  const tokens: Tokens = {
    issue: (scope, ttl) => current.issue(scope, ttl),
    verify: (token) => current.verify(token),
  };
  const appOf = (auth: "none" | "token") =>
    createApi({
      ...(store === undefined ? {} : { store }),
      namespaces: async () => (await store?.namespaces()) ?? [],
      site: viewOf(site),
      tokens,
      auth,
      version,
      log,
      closing: closing.signal,
    });
  const doors: Door[] = [openUnixDoor(gateway.apiSocket, appOf("none"))];
  let https: HttpsDoor | undefined;
  if (gateway.exposeApi || gateway.apiListen) {
    const socket = exposedSocketPath(gateway.state);
    doors.push(openUnixDoor(socket, appOf("token")));
    if (gateway.apiListen) {
      const { host, port } = gateway.apiListen;
      https = openHttpsDoor({
        host,
        port,
        socket,
        certificate: certificates,
        handshakeTimeout: gateway.handshakeTimeout,
      });
      doors.unshift(https);
    }
  }
  return {
    replaceCertificate: (certificate) => https?.replaceCertificate(certificate),
    replaceTokenKey(key) {
      current = createTokens(key);
    },
    async close() {
      closing.abort();
      for (const door of doors) await door.close(CLOSE_GRACE);
    },
  };
}

/** The site as the API shows it: a question about what is not there is answered with 404. */
function viewOf(site: Site): SiteView {
  return {
    status: () => site.status(),
    connections: () => site.connections(),
    metrics: () => site.metrics(),
    ready: () => site.ready(),
    explain: (query) =>
      site.explain(query).catch((error: unknown) => {
        if (error instanceof ExplainTargetError) throw new ExplainError(error.message, { cause: error });
        throw error;
      }),
  };
}
