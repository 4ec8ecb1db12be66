import type { Attributes } from "../policy/attributes.ts";
import { CLIENT_PREFIX } from "../policy/attributes.ts";
import { attributesFromPeer, destinationAttributes, type SiteIdentity, sourceAttributes } from "../policy/endpoints.ts";
import { PolicySet } from "../policy/policy-set.ts";
import type { ImportSource } from "../resources/import.ts";
import { ClientTable } from "../snapshot/clients.ts";
import { applyDelta, buildsOn } from "../snapshot/delta.ts";
import type { Delta } from "../snapshot/messages.ts";
import {
  type ClientEntry,
  type ExportEntry,
  type ImportEntry,
  type PeerEntry,
  rowOf,
  type SiteEntry,
  type TableName,
  type Tables,
  type Version,
} from "../snapshot/tables.ts";
import { MAX_CONTROL } from "../wire/frames.ts";
import { encodeAttributes, MAX_ATTRIBUTES } from "../wire/messages.ts";

/** The most bytes of OPEN that a client's attributes may take; names of the export and the trace need the rest. */
const MAX_CLAIMS = MAX_CONTROL - 4096;

/** The source of connections from one client: for decisions, and as it goes into OPEN. */
export interface Source {
  attributes: Attributes;
  encoded: Uint8Array;
}

/** What a relay knows: the snapshot in use, made ready for decisions, and the labels that peers have told it. */
export class SiteState {
  #tables: Tables | undefined;
  #version: Version = { epoch: "", n: 0 };
  #policies = new PolicySet();
  #clients = new ClientTable();
  readonly #learnedLabels = new Map<string, Record<string, string>>();
  readonly #sources = new Map<ClientEntry | undefined, Source>();
  readonly #destinations = new Map<ImportEntry, Map<ImportSource, Attributes>>();
  /** What is known of clients has become too old: nobody is left who would tell of others. */
  clientsExpired = false;
  /** Called when a peer tells labels that are new. */
  onPeerLabels: (() => void) | undefined;

  /** Whether a first snapshot has come. */
  get loaded(): boolean {
    return this.#tables !== undefined;
  }

  get version(): Version {
    return this.#version;
  }

  get policies(): PolicySet {
    return this.#policies;
  }

  get tables(): Tables {
    if (this.#tables === undefined) throw new Error("there is no snapshot yet");
    return this.#tables;
  }

  get site(): SiteEntry {
    return this.tables.site.self;
  }

  get peerLabels(): Record<string, Record<string, string>> {
    return Object.fromEntries(this.#learnedLabels);
  }

  /** Replaces everything. */
  load(version: Version, tables: Tables): void {
    this.#tables = tables;
    this.#version = version;
    this.#policies = new PolicySet(Object.values(tables.policies));
    this.#clients = new ClientTable();
    for (const [cidr, entry] of Object.entries(tables.clients)) this.#clients.set(cidr, entry);
    this.clientsExpired = false;
    this.#forget();
  }

  /** Applies a change, whole. @returns the tables that it touched, or undefined when it does not fit what is here. */
  apply(delta: Delta): Set<TableName> | undefined {
    if (this.#tables === undefined || !buildsOn(delta, this.#version)) return undefined;
    const { version, set, remove } = delta;
    this.#tables = applyDelta(this.#tables, delta);
    this.#version = version;
    this.#policies.apply(Object.values(set.policies ?? {}) as never[], remove.policies);
    for (const cidr of remove.clients ?? []) this.#clients.delete(cidr);
    for (const [cidr, entry] of Object.entries(set.clients ?? {})) if (entry) this.#clients.set(cidr, entry);
    this.#forget();
    return new Set([...Object.keys(set), ...Object.keys(remove)] as TableName[]);
  }

  import(key: string): ImportEntry | undefined {
    return rowOf(this.tables.imports, key);
  }

  export(key: string): ExportEntry | undefined {
    return rowOf(this.tables.exports, key);
  }

  peer(name: string): PeerEntry | undefined {
    return rowOf(this.tables.peers, name);
  }

  /** @returns the names of the peers that some Import has as a source and that exist. */
  importedPeers(): Set<string> {
    const names = new Set<string>();
    for (const entry of Object.values(this.tables.imports)) {
      for (const { peer } of entry.sources) if (this.peer(peer) !== undefined) names.add(peer);
    }
    return names;
  }

  /** @returns whether a source can be tried now, for the balancer. */
  standing({ peer }: ImportSource): "reachable" | "unreachable" | "missing" {
    const entry = this.peer(peer);
    if (entry === undefined) return "missing";
    return entry.reachable.includes(true) ? "reachable" : "unreachable";
  }

  /** @returns who an address belongs to; undefined while nobody knows, or the knowledge is too old. */
  client(address: string): ClientEntry | undefined {
    return this.site.clientsFresh && !this.clientsExpired ? this.#clients.find(address) : undefined;
  }

  /** A client with more labels than OPEN can carry counts as one that nobody knows: no allow by its labels can be met. */
  source(client: ClientEntry | undefined): Source {
    let source = this.#sources.get(client);
    if (source === undefined) {
      const attributes = sourceAttributes({ name: this.site.name, labels: this.site.labels }, client);
      const claims = Object.entries(attributes.values).filter(([key]) => key.startsWith(CLIENT_PREFIX));
      const encoded = claims.length > MAX_ATTRIBUTES ? undefined : encodeAttributes(Object.fromEntries(claims));
      const fits = encoded !== undefined && encoded.length <= MAX_CLAIMS;
      source = fits ? { attributes, encoded } : this.source(undefined);
      this.#sources.set(client, source);
    }
    return source;
  }

  /** The destination as the client's side sees it: the source's name and namespace, the Import's labels. */
  remoteDestination(entry: ImportEntry, source: ImportSource): Attributes {
    let bySource = this.#destinations.get(entry);
    if (bySource === undefined) {
      bySource = new Map();
      this.#destinations.set(entry, bySource);
    }
    let attributes = bySource.get(source);
    if (attributes === undefined) {
      const exported = { name: source.exportName, namespace: source.exportNamespace, labels: entry.labels };
      attributes = destinationAttributes(this.#peerIdentity(source.peer), exported);
      bySource.set(source, attributes);
    }
    return attributes;
  }

  localDestination(entry: ExportEntry): Attributes {
    return destinationAttributes({ name: this.site.name, labels: this.site.labels }, entry);
  }

  /** The source of a stream from a peer: its name from the certificate, `client.*` as it claims them. */
  remoteSource(peer: string, claims: Record<string, string>, dialect: "clusterlink/2" | "http"): Attributes {
    return attributesFromPeer(this.#peerIdentity(peer), claims, dialect);
  }

  /** Remembers what a peer said of itself in its HELLO. */
  learnPeerLabels(peer: string, labels: Record<string, string>): void {
    const known = this.#learnedLabels.get(peer);
    if (known !== undefined && Bun.deepEquals(known, labels)) return;
    this.#learnedLabels.set(peer, labels);
    this.#forget();
    this.onPeerLabels?.();
  }

  #peerIdentity(name: string): SiteIdentity {
    return { name, labels: this.#learnedLabels.get(name) ?? this.peer(name)?.labels };
  }

  #forget(): void {
    this.#sources.clear();
    this.#destinations.clear();
  }
}
