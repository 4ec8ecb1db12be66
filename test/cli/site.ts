/** A site's control API as the command line meets it: a real store behind real doors, with a status of the test's own. */
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createApi } from "../../src/api/app.ts";
import type { ApiDeps } from "../../src/api/deps.ts";
import { type HttpsDoor, openHttpsDoor } from "../../src/api/https-door.ts";
import { ExplainError, type SiteView } from "../../src/api/site-view.ts";
import { createTokens } from "../../src/api/tokens.ts";
import { openUnixDoor } from "../../src/api/unix-door.ts";
import { issueFabric, issuePeer } from "../../src/pki/issue.ts";
import type { ConnectionReport } from "../../src/snapshot/messages.ts";
import type { ExplainQuery, SiteStatus } from "../../src/snapshot/status.ts";
import { StandaloneStore } from "../../src/store/standalone/standalone-store.ts";
import { createLogger } from "../../src/telemetry/log.ts";
import type { Completed, CompletedOptions } from "../completed.ts";
import { clusterlink } from "./clusterlink.ts";

export class TestSite {
  status: SiteStatus;
  connections: ConnectionReport[] = [];
  /** What `/explain` was asked last. */
  asked: ExplainQuery | undefined;
  readonly #close: () => Promise<void>;

  private constructor(
    readonly folder: string,
    readonly https: HttpsDoor,
    readonly ca: string,
    close: () => Promise<void>,
  ) {
    this.#close = close;
    this.status = {
      name: "berlin",
      version: "0.0.0",
      startedAt: new Date().toISOString(),
      labels: { region: "eu" },
      ready: true,
      notReady: [],
      snapshot: { epoch: "e", n: 1 },
      relays: [{ index: 0, pid: 1, lag: 0, failedListeners: [] }],
      peers: [],
      certificates: [],
      problems: [],
      connections: 0,
      api: { listen: { host: "127.0.0.1", port: https.port }, ca },
    };
  }

  static async open(): Promise<TestSite> {
    const folder = mkdtempSync("/tmp/clusterlink-cli-");
    const fabric = await issueFabric({ name: "shop" });
    const { cert, key } = await issuePeer({ name: "berlin" }, fabric);
    const store = new StandaloneStore({ directory: folder, namespace: "clusterlink-system" });
    const closing = new AbortController();
    const site: { current?: TestSite } = {};
    const deps: Omit<ApiDeps, "auth"> = {
      store,
      namespaces: async () => ["clusterlink-system", "default"],
      site: viewOf(site),
      tokens: createTokens(new Uint8Array(32).fill(7)),
      version: "0.0.0",
      log: createLogger({ level: "error", format: "text" }),
      closing: closing.signal,
    };
    const doors = [
      openUnixDoor(join(folder, "api.sock"), createApi({ ...deps, auth: "none" })),
      openUnixDoor(join(folder, "token.sock"), createApi({ ...deps, auth: "token" })),
    ];
    const certificate = { cert, key };
    const https = openHttpsDoor({ host: "127.0.0.1", port: 0, socket: join(folder, "token.sock"), certificate });
    await Bun.write(join(folder, "ca.pem"), fabric.cert);
    site.current = new TestSite(folder, https, fabric.cert, async () => {
      closing.abort();
      await https.close(0);
      for (const door of doors) await door.close(0);
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    });
    return site.current;
  }

  get server(): string {
    return `unix:${join(this.folder, "api.sock")}`;
  }

  get url(): string {
    return `https://127.0.0.1:${this.https.port}`;
  }

  /** Runs a command on this site, over its socket unless `options.env` says otherwise. */
  run(args: string[], options: CompletedOptions = {}): Promise<Completed> {
    const env = { CLUSTERLINK_SERVER: this.server, ...options.env };
    return clusterlink(args, { cwd: this.folder, ...options, env });
  }

  close(): Promise<void> {
    return this.#close();
  }
}

function viewOf(site: { current?: TestSite }): SiteView {
  const current = (): TestSite => {
    if (site.current === undefined) throw new Error("the site is not open yet");
    return site.current;
  };
  return {
    status: async () => current().status,
    connections: async () => current().connections,
    metrics: async () => "",
    ready: () => ({ ready: current().status.ready, reasons: current().status.notReady }),
    explain: async (query) => {
      current().asked = query;
      if (query.side === "client" && query.import !== "shop/web")
        throw new ExplainError(`import ${query.import} is not there`);
      return {
        allowed: false,
        decidedBy: "default-deny",
        summary: "nothing allows it",
        from: {},
        unknown: [],
        candidates: [],
      };
    },
  };
}
