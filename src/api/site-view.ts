/** What the API shows of the running site; control provides it. */
import type { ConnectionReport } from "../snapshot/messages.ts";
import type { ExplainQuery, Explanation, SiteStatus } from "../snapshot/status.ts";

export interface SiteView {
  status(): Promise<SiteStatus>;
  /** The live connections of every relay. */
  connections(): Promise<ConnectionReport[]>;
  /** @throws {ExplainError} where the query names something that is not there. */
  explain(query: ExplainQuery): Promise<Explanation>;
  /** The metrics of every process in the Prometheus text format, version 0.0.4. */
  metrics(): Promise<string>;
  /** Whether the site serves; `reasons` says for people why not, and is empty when it does. */
  ready(): { ready: boolean; reasons: string[] };
}

/** A question that has no answer: the Import, Export or Peer is not there. Shown as 404. */
export class ExplainError extends Error {
  readonly code = "NotFound";
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ExplainError";
  }
}
