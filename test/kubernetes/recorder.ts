/** What an informer tells, as lines of text, and a log that keeps what is said. */
import { Informer, type InformerOptions } from "../../src/store/kubernetes/informer.ts";
import type { Change } from "../../src/store/kubernetes/reflector.ts";
import { type KubeObject, SECRETS } from "../../src/store/kubernetes/resource.ts";
import { SYSTEM_TIMING, type Timing } from "../../src/store/kubernetes/timing.ts";
import { createLogger, type Logger } from "../../src/telemetry/log.ts";

/** Time that runs as always, but nobody waits longer than a few milliseconds; what was asked for is kept. */
export function hastyTiming(): Timing & { waits: number[] } {
  const waits: number[] = [];
  return {
    ...SYSTEM_TIMING,
    waits,
    random: () => 0,
    sleep(milliseconds, signal) {
      waits.push(milliseconds);
      return SYSTEM_TIMING.sleep(Math.min(milliseconds, 5), signal);
    },
  };
}

export function keptLog(): { log: Logger; lines: string[] } {
  const lines: string[] = [];
  return { log: createLogger({ level: "info", format: "json", write: (line) => lines.push(line) }), lines };
}

export interface Recorder<P> {
  informer: Informer<KubeObject, P>;
  /** One a call: `+a +b` is two upserts at once, `-a` a delete. */
  calls: string[];
  timing: ReturnType<typeof hastyTiming>;
  lines: string[];
  /** Resolves when the calls are so many. */
  called(count: number): Promise<void>;
}

/** Follows Secrets of a namespace by their label `v`, unless told otherwise. */
export function record(
  options: Pick<InformerOptions<KubeObject, unknown>, "client"> &
    Partial<InformerOptions<KubeObject, string | undefined>>,
): Recorder<string | undefined> {
  const { log, lines } = keptLog();
  const timing = hastyTiming();
  const informer = new Informer<KubeObject, string | undefined>({
    resource: SECRETS,
    project: ({ metadata }) => metadata.labels?.["v"] ?? "",
    log,
    timing,
    ...options,
  });
  const calls: string[] = [];
  informer.subscribe((changes) => {
    calls.push(changes.map(lineOf).toSorted().join(" "));
  });
  return {
    informer,
    calls,
    timing,
    lines,
    called: (count) => until(() => calls.length >= count),
  };
}

function lineOf({ type, key }: Change<unknown>): string {
  return `${type === "upsert" ? "+" : "-"}${key.slice(key.indexOf("/") + 1)}`;
}

/** Waits until something holds. @throws Error when it does not for 10 s */
export async function until(holds: () => boolean): Promise<void> {
  const end = Date.now() + 10_000;
  while (!holds()) {
    if (Date.now() > end) throw new Error(`it never came to be: ${holds}`);
    await Bun.sleep(2);
  }
}
