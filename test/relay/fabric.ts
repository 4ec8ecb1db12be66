/** Fabrics and sites for the relay's tests: real certificates, real relays over real sockets, tables made by hand. */
import { X509Certificate } from "node:crypto";
import { memoryChannel } from "../../src/process/memory-channel.ts";
import { Relay } from "../../src/relay/relay.ts";
import type { AccessPolicySpec } from "../../src/resources/access-policy.ts";
import type { ImportSource, LbScheme } from "../../src/resources/import.ts";
import type { Channel } from "../../src/snapshot/channel.ts";
import { diffTables } from "../../src/snapshot/delta.ts";
import type { ListenerFailure, RelayReport, ToControl, ToRelay } from "../../src/snapshot/messages.ts";
import type { CertificateEntry, Tables, Version } from "../../src/snapshot/tables.ts";
import type { AccessRecord } from "../../src/telemetry/access-log.ts";
import { createLogger } from "../../src/telemetry/log.ts";
import { freePort } from "../free-port.ts";
import { atEnd } from "./teardown.ts";

// `bun test` loads CommonJS modules in an order that varies: the certificate library must find this one loaded.
await import("reflect-metadata");
const { issueFabric, issuePeer } = await import("../../src/pki/issue.ts");

export const fabric = await issueFabric({ name: "fabric" });

/** @returns the certificates of a site of that name, by this fabric unless another is given. */
export async function certificatesOf(name: string, ca = fabric, options = {}): Promise<CertificateEntry> {
  const { cert, key, notAfter } = await issuePeer({ name, ...options }, ca);
  return { ca: fabric.cert, cert, key, name, notAfter: notAfter ?? new X509Certificate(cert).validToDate.getTime() };
}

/** A clock that can be put forward, so that no test waits for a minute. */
export class Clock {
  #ahead = 0;

  now = (): number => performance.now() + this.#ahead;

  advance(ms: number): void {
    this.#ahead += ms;
  }
}

/** A policy that lets everything through. */
export const ALLOW_ALL: AccessPolicySpec = {
  action: "allow",
  from: [{ workloadSelector: {} }],
  to: [{ workloadSelector: {} }],
};

/** One site: its tables, which tests change and publish, and a relay that follows them. */
export class Site {
  readonly records: AccessRecord[] = [];
  readonly relay: Relay;
  readonly port = freePort();
  tables: Tables;
  #published: Tables | undefined;
  #version: Version = { epoch: crypto.randomUUID(), n: 0 };
  readonly #channel: Channel<ToRelay, ToControl>;
  #applied: ((failedListeners: ListenerFailure[]) => void)[] = [];
  #reports: ((report: RelayReport) => void)[] = [];

  constructor(certificates: CertificateEntry, labels: Record<string, string> = {}, clock = new Clock()) {
    const [control, relay] = memoryChannel<ToRelay, ToControl>();
    this.#channel = control;
    this.tables = {
      site: {
        self: {
          name: certificates.name,
          instance: crypto.randomUUID(),
          labels,
          listen: { address: "127.0.0.1", port: this.port },
          certificates,
          authzKey: Buffer.alloc(32, 7).toString("base64"),
          clientsFresh: true,
          deadlines: { handshake: 5000, open: 5000, dial: 5000, grace: 1000 },
        },
      },
      imports: {},
      exports: {},
      policies: {},
      peers: {},
      clients: {},
    };
    control.onMessage((message) => {
      if (message.type === "applied") {
        for (const resolve of this.#applied.splice(0)) resolve(message.failedListeners);
      } else if (message.type === "report") this.#reports.shift()?.(message.report);
      else if (message.type === "resync") throw new Error("the relay asked for a full snapshot");
    });
    this.relay = new Relay(relay, {
      index: 0,
      count: 1,
      now: clock.now,
      log: createLogger({ level: (process.env.TEST_LOG as "debug" | undefined) ?? "fatal", format: "text" }),
      accessLog: {
        write: (record) => void this.records.push(record),
        dropped: 0,
        flush: async () => true,
      },
    });
    this.relay.start();
    atEnd(() => this.drain(0, 0));
  }

  /**
   * Publishes the tables as they are now: whole at first, later as a delta. Resolves when the relay has applied them.
   * @throws {Error} when the relay could not listen on a port: another listener would have its connections
   */
  async publish(): Promise<void> {
    const applied = new Promise<ListenerFailure[]>((resolve) => this.#applied.push(resolve));
    const tables = structuredClone(this.tables);
    if (this.#published === undefined) {
      this.#channel.send({ type: "snapshot", version: this.#version, tables });
    } else {
      const version = { epoch: this.#version.epoch, n: this.#version.n + 1 };
      const change = diffTables(this.#published, tables) ?? { set: {}, remove: {} };
      this.#channel.send({ type: "delta", delta: { base: this.#version, version, ...change } });
      this.#version = version;
    }
    this.#published = tables;
    const failed = await applied;
    if (failed.length > 0) throw new Error(`the relay cannot listen: ${JSON.stringify(failed)}`);
  }

  /** Publishes everything anew under another epoch, as a control that has come back does. */
  async republish(): Promise<void> {
    this.#version = { epoch: crypto.randomUUID(), n: 0 };
    this.#published = undefined;
    await this.publish();
  }

  async report(connections = true): Promise<RelayReport> {
    const report = new Promise<RelayReport>((resolve) => this.#reports.push(resolve));
    this.#channel.send({ type: "report", id: 1, connections });
    return report;
  }

  addPeer(...sites: Site[]): this {
    for (const { tables, port } of sites) {
      const { name } = tables.site.self;
      this.tables.peers[name] = { name, gateways: [{ host: "127.0.0.1", port }], reachable: [true] };
    }
    return this;
  }

  /** A peer whose gateways are these ports of the local host. */
  addGateways(name: string, ports: number[], reachable = ports.map(() => true)): this {
    this.tables.peers[name] = { name, gateways: ports.map((port) => ({ host: "127.0.0.1", port })), reachable };
    return this;
  }

  addImport(name: string, sources: ImportSource[], lbScheme: LbScheme = "round-robin"): number {
    const port = freePort();
    const listen = { address: "127.0.0.1", port };
    this.tables.imports[`default/${name}`] = { namespace: "default", name, labels: {}, listen, sources, lbScheme };
    return port;
  }

  addExport(name: string, port: number, host = "127.0.0.1"): this {
    this.tables.exports[`default/${name}`] = { namespace: "default", name, labels: {}, host, port };
    return this;
  }

  allow(name = "allow-all", spec: AccessPolicySpec = ALLOW_ALL): this {
    this.tables.policies[`regular/default/${name}`] = { tier: "regular", namespace: "default", name, spec };
    return this;
  }

  async drain(delay = 0, grace = 1000): Promise<number> {
    this.#channel.send({ type: "drain", delay, grace });
    return this.relay.finished;
  }
}

/** @returns a source of the Import: that export in the namespace `default` of the peer. */
export function source(peer: string, exportName: string): ImportSource {
  return { peer, exportName, exportNamespace: "default" };
}
