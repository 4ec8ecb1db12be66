import type { GatewayKindName } from "../resources/kinds.ts";
import type { Tables } from "../snapshot/tables.ts";
import type { SiteObjects } from "./objects.ts";
import type { Outcome, Section } from "./reconcile/outcome.ts";
import { type PeerHealth, reconcilePeers } from "./reconcile/peers.ts";
import { reconcilePolicies } from "./reconcile/policies.ts";
import type { ListenerFailures, SiteKind } from "./reconcile/site-kind.ts";
import type { StatusWriter } from "./status-writer.ts";

const SECTIONS: Record<GatewayKindName, Section> = {
  Import: "imports",
  Export: "exports",
  AccessPolicy: "policies",
  PrivilegedAccessPolicy: "policies",
  Peer: "peers",
  Workload: "clients",
};

export interface TableBuilderOptions {
  objects: SiteObjects;
  site: SiteKind;
  /** The gateway's own namespace. */
  namespace: string;
  health: (peer: string) => PeerHealth | undefined;
  failures: () => ListenerFailures;
  statuses: Pick<StatusWriter, "want">;
}

/** Makes the tables of the snapshot, but for the site's own row: only the sections that something touched. */
export class TableBuilder {
  readonly #dirty = new Set<Section>(Object.values(SECTIONS));
  #tables: Omit<Tables, "site"> = { imports: {}, exports: {}, policies: {}, peers: {}, clients: {} };

  constructor(readonly options: TableBuilderOptions) {}

  /** Objects of this kind have changed. */
  touchKind(kind: GatewayKindName): void {
    this.#dirty.add(SECTIONS[kind]);
  }

  /** Something else has changed that this section rests on. */
  touch(section: Section): void {
    this.#dirty.add(section);
  }

  /** @returns the tables as they are to be now; those that did not change are the same objects as before. */
  build(): Omit<Tables, "site"> {
    const tables = { ...this.#tables };
    for (const section of this.#dirty) Object.assign(tables, { [section]: this.#rows(section) });
    this.#dirty.clear();
    this.#tables = tables;
    return tables;
  }

  #rows(section: Section): Record<string, unknown> {
    const { objects, site, namespace, health, failures } = this.options;
    switch (section) {
      case "imports":
        return this.#take("Import", site.imports(objects, failures()));
      case "exports":
        return this.#take("Export", site.exports(objects));
      case "peers":
        return this.#take("Peer", reconcilePeers(objects.all("Peer"), { namespace, health }));
      case "policies": {
        const privileged = reconcilePolicies(objects.all("PrivilegedAccessPolicy"));
        const regular = reconcilePolicies(objects.all("AccessPolicy"));
        return { ...this.#take("PrivilegedAccessPolicy", privileged), ...this.#take("AccessPolicy", regular) };
      }
      case "clients": {
        const outcome = site.clients(objects);
        return this.#take(outcome.kind, outcome);
      }
    }
  }

  #take<Row>(kind: GatewayKindName, { rows, statuses }: Outcome<Row>): Record<string, Row> {
    const invalid = this.options.site.surroundings?.invalid(kind);
    const more = invalid === undefined ? [] : Array.from(invalid, ([key, { wanted }]) => [key, wanted] as const);
    this.options.statuses.want(kind, more.length === 0 ? statuses : new Map([...statuses, ...more]));
    return rows;
  }
}
