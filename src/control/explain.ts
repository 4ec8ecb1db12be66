import { explainOrder } from "../balance/explain.ts";
import {
  type Attributes,
  CLIENT_LABEL_PREFIX,
  CLIENT_NAMESPACE,
  CLIENT_SERVICE_ACCOUNT,
} from "../policy/attributes.ts";
import { attributesFromPeer, destinationAttributes, type SiteIdentity, sourceAttributes } from "../policy/endpoints.ts";
import { unknownAttributes } from "../policy/explain.ts";
import { PolicySet } from "../policy/policy-set.ts";
import { canonicalAddress, formatHostPort } from "../resources/address.ts";
import type { ImportSource } from "../resources/import.ts";
import { ClientTable } from "../snapshot/clients.ts";
import type { ClientQuery, ExplainedCandidate, ExplainQuery, Explanation } from "../snapshot/status.ts";
import { type ClientEntry, rowOf, type Tables } from "../snapshot/tables.ts";

/** The question is about something that is not there. */
export class ExplainTargetError extends Error {
  readonly code = "ERR_EXPLAIN_TARGET";
  constructor(message: string) {
    super(message);
    this.name = "ExplainTargetError";
  }
}

/** Labels that peers told relays, by the peer's name; they outrank those of heartbeats, as they do in relays. */
export type TunnelLabels = Readonly<Record<string, Readonly<Record<string, string>>>>;

/**
 * Decides as a relay would with these tables, and says why.
 *
 * @throws ExplainTargetError when the Import or Export is not there.
 */
export function explain(query: ExplainQuery, tables: Tables, tunnelLabels: TunnelLabels): Explanation {
  const explainer = new Explainer(tables, tunnelLabels);
  return query.side === "client" ? explainer.client(query) : explainer.server(query);
}

class Explainer {
  readonly #policies: PolicySet;

  constructor(
    readonly tables: Tables,
    readonly tunnelLabels: TunnelLabels,
  ) {
    this.#policies = new PolicySet(Object.values(tables.policies));
  }

  client(query: Extract<ExplainQuery, { side: "client" }>): Explanation {
    const imported = rowOf(this.tables.imports, query.import);
    if (!imported) throw new ExplainTargetError(`there is no Import "${query.import}"; give NAMESPACE/NAME`);
    const from = sourceAttributes(this.#self, this.#clientEntry(query.client));
    const order = explainOrder(imported.sources, imported.lbScheme, (source) => this.#standing(source));
    const candidates = order.map(({ source, standing, reason }) => {
      const exported = { name: source.exportName, namespace: source.exportNamespace, labels: imported.labels };
      const to = destinationAttributes(this.#peer(source.peer), exported);
      const { peer, exportName, exportNamespace } = source;
      const candidate = this.#candidate(imported.namespace, from, to, reason);
      return {
        to,
        tried: standing !== "missing",
        candidate: { ...candidate, source: { peer, exportName, exportNamespace } },
      };
    });
    const tried = candidates.filter((each) => each.tried).map((each) => each.candidate);
    const chosen = tried.find(({ allowed }) => allowed);
    const decidedBy = (chosen ?? tried[0])?.decidedBy ?? "default-deny";
    return {
      allowed: chosen !== undefined,
      decidedBy,
      summary: clientSummary(query.import, chosen, tried.length, imported.sources.length, decidedBy),
      from: { ...from.values },
      unknown: [...new Set(candidates.flatMap(({ to }) => unknownAttributes(from, to)))],
      candidates: candidates.map(({ candidate }) => candidate),
    };
  }

  server(query: Extract<ExplainQuery, { side: "server" }>): Explanation {
    const exported = rowOf(this.tables.exports, query.export);
    if (!exported) throw new ExplainTargetError(`there is no valid Export "${query.export}"; give NAMESPACE/NAME`);
    const claims = "attributes" in query.client ? query.client.attributes : {};
    const from = attributesFromPeer(this.#peer(query.peer), claims, "clusterlink/2");
    const to = destinationAttributes(this.#self, exported);
    const place = formatHostPort(exported.host, exported.port);
    const candidate = this.#candidate(exported.namespace, from, to, `${place} would be dialled`);
    const verb = candidate.allowed ? "allowed" : "denied";
    return {
      allowed: candidate.allowed,
      decidedBy: candidate.decidedBy,
      summary: `A connection from peer ${query.peer} to Export ${query.export} is ${verb} by ${candidate.decidedBy}.`,
      from: { ...from.values },
      unknown: unknownAttributes(from, to),
      candidates: [candidate],
    };
  }

  get #self(): SiteIdentity {
    const { name, labels } = this.tables.site.self;
    return { name, labels };
  }

  #peer(name: string): SiteIdentity {
    return { name, labels: rowOf(this.tunnelLabels, name) ?? rowOf(this.tables.peers, name)?.labels };
  }

  #standing({ peer }: ImportSource): "reachable" | "unreachable" | "missing" {
    const entry = rowOf(this.tables.peers, peer);
    if (!entry) return "missing";
    return entry.reachable.includes(true) ? "reachable" : "unreachable";
  }

  #clientEntry(client: ClientQuery): ClientEntry | undefined {
    if ("attributes" in client) return entryOf(client.attributes);
    if (!this.tables.site.self.clientsFresh) return undefined;
    const table = new ClientTable();
    for (const [cidr, entry] of Object.entries(this.tables.clients)) table.set(cidr, entry);
    return table.find(canonicalAddress(client.address) ?? client.address);
  }

  #candidate(namespace: string, from: Attributes, to: Attributes, reason: string): ExplainedCandidate {
    const decision = this.#policies.decide(namespace, from, to);
    return {
      to: { ...to.values },
      reason,
      allowed: decision.allowed,
      decidedBy: decision.policy,
      considered: this.#policies.explain(namespace, from, to),
    };
  }
}

/** A client as its attributes describe it; without a namespace it is an unidentified one. */
function entryOf(attributes: Record<string, string>): ClientEntry | undefined {
  const namespace = attributes[CLIENT_NAMESPACE];
  if (namespace === undefined) return undefined;
  const serviceAccount = attributes[CLIENT_SERVICE_ACCOUNT];
  const labels = Object.entries(attributes)
    .filter(([key]) => key.startsWith(CLIENT_LABEL_PREFIX))
    .map(([key, value]) => [key.slice(CLIENT_LABEL_PREFIX.length), value]);
  return { namespace, labels: Object.fromEntries(labels), ...(serviceAccount === undefined ? {} : { serviceAccount }) };
}

function clientSummary(
  imported: string,
  chosen: ExplainedCandidate | undefined,
  tried: number,
  sources: number,
  decidedBy: string,
): string {
  if (sources === 0) return `Import ${imported} has no sources: a connection to it is reset.`;
  if (tried === 0) return `No source of Import ${imported} has a Peer: a connection to it is reset.`;
  if (!chosen) return `A connection to Import ${imported} is denied by ${decidedBy}.`;
  return `A connection to Import ${imported} is allowed by ${decidedBy}; source ${chosen.source?.peer} comes first.`;
}
