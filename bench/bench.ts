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
  readonly rounds: number;
  readonly quick: boolean;
  /** Told what is being measured. */
  readonly progress: (text: string) => void;
}

/**
 * Measures one figure. What fails is left out of the result, with its reason.
 * @throws {Error} once the bench is being ended
 */
export function measureFigure(figure: Figure, plan: Plan): Promise<FigureResult> {
  return figure.kind === "proxy" ? measureProxies(figure, plan) : measureOwn(figure, plan);
}

async function measureProxies(figure: ProxyFigure, plan: Plan): Promise<FigureResult> {
  const missing = figure.programs.map(missingProgram).find((reason) => reason !== undefined);
  if (missing !== undefined) return resultFor(figure, [], [{ what: figure.name, reason: missing }]);
  const skipped: Skip[] = [];
  const settings: Setting[] = [];
  for (const { subject, running } of plan.started) {
    const carried = running.entries[figure.service] !== undefined;
    const reason = carried ? figure.unfit?.(subject, running) : `it does not carry ${figure.service}`;
    if (reason === undefined) settings.push({ lab: plan.lab, subject, running, quick: plan.quick });
    else if (subject.role !== "direct") skipped.push({ what: subject.name, reason });
  }
  const rounds = new Map<Subject, (Values | undefined)[]>(settings.map(({ subject }) => [subject, []]));
  const attempt = async <T>(what: string, { subject }: Setting, action: () => Promise<T>): Promise<T | undefined> => {
    plan.progress(`${figure.name}, ${what}: ${subject.name}`);
    try {
      return await action();
    } catch (error) {
      if (plan.lab.children.ended) throw error;
      skipped.push({ what: `${subject.name}, ${what}`, reason: (error as Error).message, failed: true });
      return undefined;
    }
  };
  const { warmUp } = figure;
  if (warmUp) for (const setting of settings) await attempt("warm-up", setting, () => warmUp(setting));
  for (let round = 1; round <= plan.rounds; round++) {
    for (const setting of settings) {
      rounds.get(setting.subject)?.push(await attempt(`round ${round}`, setting, () => figure.measure(setting)));
    }
  }
  const measured = settings.map(({ subject: { name, role }, subject }) => {
    return { subject: name, role, rounds: rounds.get(subject) ?? [] };
  });
  return resultFor(figure, measured, skipped);
}

async function measureOwn(figure: OwnFigure, { rounds, quick, progress }: Plan): Promise<FigureResult> {
  const values: Values[] = [];
  try {
    for (let round = 1; round <= (figure.once ? 1 : rounds); round++) {
      progress(`${figure.name}, round ${round}`);
      values.push(await figure.measure(quick));
    }
    return resultFor(figure, [{ subject: "ours", role: "ours", rounds: values }], []);
  } catch (error) {
    return resultFor(figure, [], [{ what: figure.name, reason: (error as Error).message, failed: true }]);
  }
}

function resultFor(
  { name, title, metrics }: Figure,
  measured: readonly Measured[],
  skipped: readonly Skip[],
): FigureResult {
  return { name, title, metrics: metrics.map((metric) => resultOf(metric, measured)), skipped };
}
