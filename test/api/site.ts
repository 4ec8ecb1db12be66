/** A site's API over a real store in a folder of its own, without relays: what the tests of the API run against. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createApi } from "../../src/api/app.ts";
import type { ApiDeps } from "../../src/api/deps.ts";
import { ExplainError, type SiteView } from "../../src/api/site-view.ts";
import { createTokens } from "../../src/api/tokens.ts";
import type { SiteStatus } from "../../src/snapshot/status.ts";
import { StandaloneStore } from "../../src/store/standalone/standalone-store.ts";
import { createLogger } from "../../src/telemetry/log.ts";

export const STATUS: SiteStatus = {
  name: "east",
  version: "0.1.0",
  startedAt: "2026-01-01T00:00:00Z",
  labels: { region: "eu" },
  ready: true,
  notReady: [],
  snapshot: { epoch: "e", n: 3 },
  relays: [{ index: 0, pid: 7, lag: 0, failedListeners: [] }],
  peers: [{ name: "west", reachable: true, gateways: [{ host: "192.0.2.1", port: 8443, reachable: true }] }],
  certificates: [{ role: "site", subject: "CN=east", notAfter: "2027-01-01T00:00:00Z", daysLeft: 300 }],
  problems: [],
  connections: 1,
};

const view: SiteView = {
  status: async () => STATUS,
  connections: async () => [
    {
      id: "c1",
      side: "client",
      peer: "west",
      attributes: {},
      policy: "default/all",
      since: 1,
      bytesIn: 2,
      bytesOut: 3,
    },
  ],
  explain: async (query) => {
    if (query.side === "client" && query.import === "default/missing")
      throw new ExplainError('Import "default/missing" is not there');
    return {
      allowed: false,
      decidedBy: "default-deny",
      summary: JSON.stringify(query),
      from: {},
      unknown: [],
      candidates: [],
    };
  },
  metrics: async () => "clusterlink_up 1\n",
  ready: () => ({ ready: true, reasons: [] }),
};

export interface TestSite {
  folder: string;
  store: StandaloneStore;
  deps: ApiDeps;
  /** Lines that the API logged. */
  logged: string[];
  closing: AbortController;
  close(): Promise<void>;
}

export async function openSite(
  more: Partial<ApiDeps> & { retention?: number; bookmarkInterval?: number } = {},
): Promise<TestSite> {
  const { retention, bookmarkInterval = 30_000, ...rest } = more;
  const folder = await mkdtemp(join(tmpdir(), "clusterlink-api-"));
  const store = new StandaloneStore({
    directory: join(folder, "state"),
    namespace: "clusterlink-system",
    ...(retention === undefined ? {} : { retention: { changes: retention } }),
    watcher: { bookmarkInterval },
  });
  const logged: string[] = [];
  const closing = new AbortController();
  const deps: ApiDeps = {
    store,
    namespaces: () => store.namespaces(),
    site: view,
    tokens: createTokens(new Uint8Array(32).fill(1)),
    auth: "none",
    version: "0.1.0",
    log: createLogger({ level: "warn", format: "json", write: (line) => void logged.push(line) }),
    closing: closing.signal,
    ...rest,
  };
  return {
    folder,
    store,
    deps,
    logged,
    closing,
    async close() {
      closing.abort();
      store.close();
      await rm(folder, { recursive: true });
    },
  };
}

export { createApi };

export const imports = "/apis/clusterlink.net/v1alpha1/namespaces/default/imports";

export const web = (more: Record<string, unknown> = {}, metadata: Record<string, unknown> = {}) => ({
  apiVersion: "clusterlink.net/v1alpha1",
  kind: "Import",
  metadata: { name: "web", namespace: "default", ...metadata },
  spec: { port: 80, sources: [{ peer: "west", exportName: "web", exportNamespace: "default" }], ...more },
});
