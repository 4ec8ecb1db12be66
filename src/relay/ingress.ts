import type { Attributes } from "../policy/attributes.ts";
import type { Decision } from "../policy/compiled-policy.ts";
import type { ConnectionReport } from "../snapshot/messages.ts";
import type { ExportEntry } from "../snapshot/tables.ts";
import type { RelayContext } from "./context.ts";
import { type EndCode, ending } from "./metrics.ts";
import type { Refusal } from "./peer-stream.ts";
import type { SiteState } from "./state.ts";

/** What a peer asks for, whichever dialect it asks in. */
export interface IngressRequest {
  /** For the access log: the peer's address and which request of that connection it was. */
  id: string;
  /** The name in the peer's certificate. */
  peer: string;
  /** `NAMESPACE/NAME` of the export. */
  key: string;
  /** The source as this site sees it. */
  attributes: Attributes;
  /** W3C `traceparent`, or empty. */
  trace: string;
}

export type Admission =
  | { entry: ExportEntry }
  /** `why` is for this site's own log. */
  | { refusal: Refusal; why: string };

/** Bytes of a connection, and how long it took to open. */
export interface Traffic {
  bytesIn: number;
  bytesOut: number;
  openMs?: number;
}

const NO_TRAFFIC: Traffic = { bytesIn: 0, bytesOut: 0 };

/** One request of a peer for one of our exports: the decision about it, and its line in the access log. */
export class Ingress {
  readonly #started = Date.now();
  readonly #startedAt: number;
  #decision: Decision | undefined;
  #ended = false;

  constructor(
    private readonly context: RelayContext,
    readonly request: IngressRequest,
  ) {
    this.#startedAt = context.now();
  }

  /** Milliseconds since it came. */
  get age(): number {
    return this.context.now() - this.#startedAt;
  }

  /** Decides by the snapshot in use, and by what this relay can take. */
  admit(): Admission {
    const { context, request } = this;
    const { state } = context;
    if (context.draining) return refusal("draining", "this gateway is going away");
    const entry = state.export(request.key);
    if (entry === undefined) return refusal("not-found", `there is no export ${request.key}`);
    const decision = state.policies.decide(entry.namespace, request.attributes, state.localDestination(entry));
    this.#decision = decision;
    context.metrics.decided("server", decision);
    if (!decision.allowed) {
      return refusal("denied", "access is denied by the exporting site", `denied by ${decision.policy}`);
    }
    if (!context.descriptors.available) return refusal("overloaded", "this gateway has no room for more connections");
    return { entry };
  }

  /** @returns why what was admitted may not go on, or undefined when it may. */
  judge(state: SiteState): string | undefined {
    const { key, attributes } = this.request;
    const entry = state.export(key);
    if (entry === undefined) return `export ${key} was deleted`;
    const decision = state.policies.decide(entry.namespace, attributes, state.localDestination(entry));
    return decision.allowed ? undefined : `no longer allowed: ${decision.policy}`;
  }

  report({ bytesIn, bytesOut }: Traffic): ConnectionReport {
    const { id, key, peer, attributes } = this.request;
    return {
      id,
      side: "server",
      export: key,
      peer,
      attributes: { ...attributes.values },
      policy: this.#decision?.policy ?? "",
      since: this.#started,
      bytesIn,
      bytesOut,
    };
  }

  /** Writes the line of the access log and counts; only the first call does. */
  end(code: EndCode, reason?: string, traffic: Traffic = NO_TRAFFIC): void {
    if (this.#ended) return;
    this.#ended = true;
    const { id, key, peer, attributes, trace } = this.request;
    const decision = this.#decision;
    this.context.ended({
      started: this.#started,
      durationMs: this.age,
      id,
      side: "server",
      export: key,
      peer,
      attributes: attributes.values,
      ...(decision === undefined ? {} : { decision: decision.allowed ? "allow" : "deny" }),
      policy: decision?.policy ?? "",
      ...traffic,
      ...ending(code, reason),
      ...(trace === "" ? {} : { trace }),
    });
  }
}

/** Another source may do better, whatever the reason. */
function refusal(code: Refusal["code"], reason: string, why = reason): Admission {
  return { refusal: { code, retry: true, reason }, why };
}
