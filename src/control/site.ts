import { certificateStatus } from "../pki/inspect.ts";
import type { ConnectionReport, RelayReport } from "../snapshot/messages.ts";
import type { ApiDoors, ExplainQuery, Explanation, PeerStatusView, SiteStatus } from "../snapshot/status.ts";
import { StoreError } from "../store/errors.ts";
import { RelayMetricsMerger } from "../telemetry/merge.ts";
import { Metrics } from "../telemetry/metrics.ts";
import { METRICS } from "../telemetry/names.ts";
import { processFamilies, type RoleProcess } from "../telemetry/processes.ts";
import type { Control } from "./control.ts";
import { explain } from "./explain.ts";

export interface SiteOptions {
  /** Of this program. */
  version: string;
  /** Milliseconds since the epoch. */
  startedAt: number;
  /** Which doors of the control API lead outside. */
  doors: Omit<ApiDoors, "ca"> | undefined;
  /** The processes of the gateway besides the relays. */
  processes: readonly RoleProcess[];
}

/** How long relays may take to report, milliseconds; one that takes longer is left out. */
const REPORT_TIMEOUT = 1_000;

/** What a site tells of itself: status, live connections, explanations, metrics, readiness. */
export class Site {
  readonly #merger = new RelayMetricsMerger();
  readonly #own = new Metrics();

  constructor(
    readonly control: Control,
    readonly options: SiteOptions,
  ) {
    this.#own.gauge(METRICS.buildInfo, { version: options.version }).set(1);
    this.#own.onCollect(() => this.#collect());
    control.publisher.onRelay = (relay, pid) => this.#merger.follow({ relay, pid });
  }

  /** Counts a heartbeat. */
  countHeartbeat(peer: string, success: boolean): void {
    this.#own.counter(METRICS.heartbeats, { peer, result: success ? "success" : "failure" }).inc();
  }

  /** Whether the site serves, and why not, for people. */
  ready(): { ready: boolean; reasons: string[] } {
    const { control } = this;
    const { relays } = control.publisher;
    const reasons: string[] = [];
    if (control.draining) reasons.push("the gateway is ending");
    if (!control.publisher.tables) reasons.push("the resources have not all been read yet");
    if (relays.length === 0) reasons.push("no relay is running");
    else if (!relays.some(({ index }) => control.publisher.hasApplied(index)))
      reasons.push("no relay has a snapshot yet");
    for (const { index, failedListeners } of relays) {
      const failure = failedListeners.find(({ key }) => key === "peer");
      if (failure) reasons.push(`relay ${index} cannot listen on the peer port ${failure.port}: ${failure.message}`);
    }
    if (control.certificates.notAfter <= Date.now()) reasons.push("the site's certificate has expired");
    return { ready: reasons.length === 0, reasons };
  }

  async status(): Promise<SiteStatus> {
    const { control, options } = this;
    const { ready, reasons } = this.ready();
    const reports = await this.#reports();
    const { doors } = options;
    return {
      name: control.certificates.name,
      namespace: control.options.namespace,
      version: options.version,
      startedAt: new Date(options.startedAt).toISOString(),
      labels: control.options.self.labels,
      ready,
      notReady: reasons,
      snapshot: control.publisher.version,
      relays: control.publisher.relays,
      peers: this.#peers(reports),
      certificates: certificateStatus(control.certificates, Date.now()),
      problems: [...control.problems.all, ...control.behind],
      connections: reports.reduce((sum, { connectionCount }) => sum + connectionCount, 0),
      ...(doors === undefined ? {} : { api: { ...doors, ca: control.certificates.ca } }),
    };
  }

  /** The live connections of every relay that answers in time. */
  async connections(): Promise<ConnectionReport[]> {
    const reports = await this.control.publisher.report(REPORT_TIMEOUT, { connections: true });
    return reports.flatMap(({ connections }) => connections);
  }

  /**
   * @throws ExplainTargetError when the question is about something that is not there, StoreError `Unavailable` before all
   * resources have been read.
   */
  async explain(query: ExplainQuery): Promise<Explanation> {
    const { tables } = this.control.publisher;
    if (!tables) throw new StoreError("Unavailable", "the resources have not all been read yet; try again");
    return explain(query, tables, tunnelLabels(await this.#reports()));
  }

  /** The metrics of every process in the Prometheus text format, version 0.0.4. */
  async metrics(): Promise<string> {
    const reports = await this.#reports();
    const here = this.control.publisher.relays;
    // One that was replaced while the others were waited for has been counted.
    const isOf = ({ relay, pid }: RelayReport) => here.every((each) => each.index !== relay || each.pid === pid);
    for (const report of reports.filter(isOf)) this.#merger.update(report);
    const relays = here.map(({ index, pid }) => ({ role: `relay-${index}`, pid }));
    const families = await processFamilies([...this.options.processes, ...relays]);
    const isHere = (relay: number) => here.some(({ index }) => index === relay);
    return this.#merger.text([...this.#own.families(), ...families], isHere);
  }

  #reports(): Promise<RelayReport[]> {
    return this.control.publisher.report(REPORT_TIMEOUT);
  }

  #peers(reports: readonly RelayReport[]): PeerStatusView[] {
    const told = tunnelLabels(reports);
    return Object.values(this.control.publisher.tables?.peers ?? {}).map((entry) => {
      const health = this.control.heartbeats.health(entry.name);
      const labels = told[entry.name] ?? entry.labels;
      const gateways = entry.gateways.map((gateway, index) => {
        const lastError = health?.gateways[index]?.lastError;
        const reachable = health?.gateways[index]?.reachable ?? false;
        return { ...gateway, reachable, ...(lastError === undefined ? {} : { lastError }) };
      });
      const reachable = gateways.some((gateway) => gateway.reachable);
      return { name: entry.name, reachable, gateways, ...(labels === undefined ? {} : { labels }) };
    });
  }

  #collect(): void {
    const { control } = this;
    for (const metric of [METRICS.peerReachable, METRICS.snapshotLag, METRICS.certificateExpiry])
      this.#own.clear(metric);
    for (const { name, reachable } of this.#peers([])) {
      this.#own.gauge(METRICS.peerReachable, { peer: name }).set(reachable ? 1 : 0);
    }
    for (const { index, lag } of control.publisher.relays) {
      this.#own.gauge(METRICS.snapshotLag, { relay: String(index) }).set(lag);
    }
    for (const { role, subject, notAfter } of certificateStatus(control.certificates, Date.now())) {
      this.#own.gauge(METRICS.certificateExpiry, { role, subject }).set(Date.parse(notAfter) / 1000);
    }
  }
}

function tunnelLabels(reports: readonly RelayReport[]): Record<string, Record<string, string>> {
  return Object.assign({}, ...reports.map(({ peerLabels }) => peerLabels));
}
