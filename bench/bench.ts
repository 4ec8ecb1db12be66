/** Measures figures in interleaved rounds: every subject once, then every subject again. */
import {
  type Figure,
  type OwnFigure,
  PartlyMeasured,
  type ProxyFigure,
  type Setting,
  type Values,
} from "./figures/figure.ts";
import type { Plan } from "./plan.ts";
import { missingProgram } from "./programs.ts";
import { type FigureResult, type Measured, resultOf, type Skip } from "./result.ts";
import type { Subject } from "./subjects/subject.ts";
import { onLink } from "./wan.ts";
import { missingForLink } from "./wan-link.ts";

/** Runs one step of a measurement, of one subject where there are several. What fails is noted. */
type Attempt = (what: string, subject: Subject | undefined, step: () => Promise<Values>) => Promise<Values | undefined>;

/**
 * Measures one figure. What fails is left out of the result, with its reason.
 * @throws {Error} once the bench is being ended
 */
export function measureFigure(figure: Figure, plan: Plan): Promise<FigureResult> {
  const missing = figure.programs?.map(missingProgram).find((reason) => reason !== undefined);
  if (missing !== undefined) return Promise.resolve(skipped(figure, missing));
  if (figure.kind === "own") return measureOwn(figure, plan);
  return figure.link === undefined ? measureProxies(figure, plan) : measureOnLink(figure, figure.link, plan);
}

async function measureOnLink(figure: ProxyFigure, link: readonly string[], plan: Plan): Promise<FigureResult> {
  const missing = missingForLink();
  if (missing !== undefined) return skipped(figure, missing);
  try {
    return await onLink(figure, link, plan, (there) => measureProxies(figure, there));
  } catch (error) {
    if (plan.lab.children.ended) throw error;
    return resultFor(figure, [], [{ what: figure.name, reason: (error as Error).message, failed: true }]);
  }
}

async function measureProxies(figure: ProxyFigure, plan: Plan): Promise<FigureResult> {
  const skips: Skip[] = [];
  const fit: Setting[] = [];
  for (const { subject, running } of plan.started) {
    if (figure.concerns?.(subject) === false) continue;
    const carried = running.entries[figure.service] !== undefined;
    const reason = carried ? figure.unfit?.(subject, running) : `it does not carry ${figure.service}`;
    if (reason === undefined) fit.push({ lab: plan.lab, subject, running, quick: plan.quick, idle: plan.idle });
    else if (subject.role !== "direct") skips.push({ what: subject.name, reason });
  }
  const attempt = attempts(figure, plan, skips);
  const { peak, warmUp } = figure;
  const bestPeak = peak && (await bestPeakOf(peak, fit, attempt));
  if (peak && bestPeak === undefined) return skipped(figure, "no peer has told its peak", skips);
  const settings = fit.map((setting): Setting => (bestPeak === undefined ? setting : { ...setting, bestPeak }));
  for (const setting of warmUp ? settings : []) {
    await attempt("warm-up", setting.subject, async () => {
      await warmUp?.(setting);
      return {};
    });
  }
  const rounds = new Map<Subject, (Values | undefined)[]>(settings.map(({ subject }) => [subject, []]));
  for (let round = 1; round <= roundsOf(figure, plan); round++) {
    for (const setting of settings) {
      const values = await attempt(`round ${round}`, setting.subject, () => figure.measure(setting));
      rounds.get(setting.subject)?.push(values);
    }
  }
  const measured = settings.map(({ subject: { name, role }, subject }) => {
    return { subject: name, role, rounds: rounds.get(subject) ?? [] };
  });
  return resultFor(figure, measured, skips);
}

async function bestPeakOf(
  peak: (setting: Setting) => Promise<number>,
  settings: readonly Setting[],
  attempt: Attempt,
): Promise<number | undefined> {
  const peaks: number[] = [];
  for (const setting of settings.filter(({ subject }) => subject.role === "peer")) {
    const values = await attempt("peak", setting.subject, async () => ({ peak: await peak(setting) }));
    if (values?.["peak"] !== undefined) peaks.push(values["peak"]);
  }
  return peaks.length === 0 ? undefined : Math.max(...peaks);
}

async function measureOwn(figure: OwnFigure, plan: Plan): Promise<FigureResult> {
  const { lab, executable, quick } = plan;
  const { service } = figure;
  if (service !== undefined && lab.backends[service] === undefined) return skipped(figure, `${service} does not run`);
  const skips: Skip[] = [];
  const attempt = attempts(figure, plan, skips);
  const rounds: (Values | undefined)[] = [];
  for (let round = 1; round <= roundsOf(figure, plan); round++) {
    rounds.push(await attempt(`round ${round}`, undefined, () => figure.measure({ lab, executable, quick })));
  }
  return resultFor(figure, [{ subject: "ours", role: "ours", rounds }], skips);
}

/** @throws {Error} what a step throws once the bench is being ended */
function attempts({ name }: Figure, { lab, progress }: Plan, skips: Skip[]): Attempt {
  return async (what, subject, step) => {
    progress(subject === undefined ? `${name}, ${what}` : `${name}, ${what}: ${subject.name}`);
    try {
      return await step();
    } catch (error) {
      if (lab.children.ended) throw error;
      const where = subject === undefined ? what : `${subject.name}, ${what}`;
      skips.push({ what: where, reason: (error as Error).message, failed: true });
      return error instanceof PartlyMeasured ? error.values : undefined;
    }
  };
}

function roundsOf({ maxRounds = Number.POSITIVE_INFINITY }: Figure, { rounds }: Plan): number {
  return Math.min(rounds, maxRounds);
}

function skipped(figure: Figure, reason: string, skips: readonly Skip[] = []): FigureResult {
  return resultFor(figure, [], [...skips, { what: figure.name, reason }]);
}

function resultFor(figure: Figure, measured: readonly Measured[], skips: readonly Skip[]): FigureResult {
  const { name, title, axis } = figure;
  const results = figure.metrics.map((metric) => resultOf(metric, measured));
  // A short run leaves points of curves out.
  const metrics = results.filter(({ point, subjects }) => point === undefined || subjects.length > 0);
  return { name, title, ...(axis && { axis }), metrics, skipped: skips };
}
