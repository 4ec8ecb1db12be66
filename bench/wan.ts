/** Measures figures with the two sites at the ends of a wide-area link, instead of both on the loopback interface. */
import { startBackends } from "./backends.ts";
import type { ProxyFigure } from "./figures/figure.ts";
import { EXPORTING, type Lab } from "./lab.ts";
import type { Plan, Started } from "./plan.ts";
import type { FigureResult, Skip } from "./result.ts";
import { openLink } from "./wan-link.ts";

/**
 * Makes the link, starts the services and every subject anew at its ends, and removes all of it in the end.
 * @param settings - of the link
 * @param measure - measures with what has been started
 * @throws {Error} when there is no link, or the services do not start
 */
export async function onLink(
  { name, service, besides = [], concerns }: ProxyFigure,
  settings: readonly string[],
  plan: Plan,
  measure: (plan: Plan) => Promise<FigureResult>,
): Promise<FigureResult> {
  const { children } = plan.lab;
  const skipped: Skip[] = [];
  const started: Started[] = [];
  const link = await openLink(children, settings);
  try {
    const backends = await startBackends(children, [service, ...besides], {}, link.places[EXPORTING]);
    const lab: Lab = { ...plan.lab, places: link.places, backends };
    for (const subject of plan.subjects.filter((one) => concerns?.(one) ?? true)) {
      if (subject.version === "as it runs") {
        skipped.push({ what: subject.name, reason: "it cannot be started at the ends of a link" });
        continue;
      }
      plan.progress(`${name}, starting: ${subject.name}`);
      try {
        started.push({ subject, running: await subject.start(lab) });
      } catch (error) {
        if (children.ended) throw error;
        skipped.push({ what: subject.name, reason: (error as Error).message, failed: true });
      }
    }
    const result = await measure({ ...plan, lab, started });
    return { ...result, skipped: [...skipped, ...result.skipped] };
  } finally {
    await Promise.all(started.map(({ running }) => running.stop()));
    await link.close();
  }
}
