/** Measures figures in interleaved rounds: every subject once, then every subject again. */
import type { Figure, OwnFigure, ProxyFigure, Setting, Values } from "./figures/figure.ts";
import type { Lab } from "./lab.ts";
import { missingProgram } from "./programs.ts";
import { type FigureResult, type Measured, resultOf, type Skip } from "./result.ts";
import type { Running, Subject } from "./subjects/subject.ts";

/** A subject that has been started. */
export interface Started {
  readonly subject: Subject;
  readonly running: Running;
}

export interface Plan {
  readonly lab: Lab;
  readonly started: readonly Started[];
  /** The executable of ours that is measured. */
  readonly executable: string;
  readonly rounds: number;
  readonly quick: boolean;
  /** Told what is being measured. */
  readonly progress: (text: string) => void;
}

/** Runs one step of a measurement; what fails is noted, and stands for undefined. */
type Attempt = <T>(what: string, setting: Setting, action: () => Promise<T>) => Promise<T | undefined>;

/**
 * Measures one figure. What fails is left out of the result, with its reason.
 * @throws {Error} once the bench is being ended
 */
export function measureFigure(figure: Figure, plan: Plan): Promise<FigureResult> {
  const missing = figure.programs?.map(missingProgram).find((reason) => reason !== undefined);
  if (missing !== undefined) return Promise.resolve(skipped(figure, missing));
  return figure.kind === "proxy" ? measureProxies(figure, plan) : measureOwn(figure, plan);
}

async function measureProxies(figure: ProxyFigure, plan: Plan): Promise<FigureResult> {
  const skips: Skip[] = [];
  const fit: Setting[] = [];
  for (const { subject, running } of plan.started) {
    if (figure.concerns?.(subject) === false) continue;
    const carried = running.entries[figure.service] !== undefined;
    const reason = carried ? figure.unfit?.(subject, running) : `it does not carry ${figure.service}`;
    if (reason === undefined) fit.push({ lab: plan.lab, subject, running, quick: plan.quick });
    else if (subject.role !== "direct") skips.push({ what: subject.name, reason });
  }
  const attempt: Attempt = async (what, { subject }, action) => {
    plan.progress(`${figure.name}, ${what}: ${subject.name}`);
    try {
      return await action();
    } catch (error) {
      if (plan.lab.children.ended) throw error;
      skips.push({ what: `${subject.name}, ${what}`, reason: (error as Error).message, failed: true });
      return undefined;
    }
  };
  const bestPeak = figure.peak && (await bestPeakOf(figure.peak, fit, attempt));
  if (figure.peak && bestPeak === undefined) return skipped(figure, "no peer has been measured to take its peak from");
  const settings = fit.map((setting): Setting => (bestPeak === undefined ? setting : { ...setting, bestPeak }));
  const rounds = new Map<Subject, (Values | undefined)[]>(settings.map(({ subject }) => [subject, []]));
  const { warmUp } = figure;
  if (warmUp) for (const setting of settings) await attempt("warm-up", setting, () => warmUp(setting));
  for (let round = 1; round <= roundsOf(figure, plan); round++) {
    for (const setting of settings) {
      rounds.get(setting.subject)?.push(await attempt(`round ${round}`, setting, () => figure.measure(setting)));
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
    const reached = await attempt("peak", setting, () => peak(setting));
    if (reached !== undefined) peaks.push(reached);
  }
  return peaks.length === 0 ? undefined : Math.max(...peaks);
}

async function measureOwn(figure: OwnFigure, plan: Plan): Promise<FigureResult> {
  const { lab, executable, quick, progress } = plan;
  const { service } = figure;
  if (service !== undefined && lab.backends[service] === undefined) return skipped(figure, `${service} does not run`);
  const values: Values[] = [];
  const skips: Skip[] = [];
  for (let round = 1; round <= roundsOf(figure, plan); round++) {
    progress(`${figure.name}, round ${round}`);
    try {
      values.push(await figure.measure({ lab, executable, quick }));
    } catch (error) {
      if (lab.children.ended) throw error;
      skips.push({ what: `round ${round}`, reason: (error as Error).message, failed: true });
    }
  }
  return resultFor(figure, [{ subject: "ours", role: "ours", rounds: values }], skips);
}

function roundsOf({ maxRounds = Number.POSITIVE_INFINITY }: Figure, { rounds }: Plan): number {
  return Math.min(rounds, maxRounds);
}

function skipped(figure: Figure, reason: string): FigureResult {
  return resultFor(figure, [], [{ what: figure.name, reason }]);
}

function resultFor(figure: Figure, measured: readonly Measured[], skips: readonly Skip[]): FigureResult {
  const { name, title, axis } = figure;
  const results = figure.metrics.map((metric) => resultOf(metric, measured));
  // A short run leaves points of curves out.
  const metrics = results.filter(({ point, subjects }) => point === undefined || subjects.length > 0);
  return { name, title, ...(axis && { axis }), metrics, skipped: skips };
}
