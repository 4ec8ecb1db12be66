/** The outcome of a run, as its JSON holds it. */
import { pairedRatio, type Summary, summarize } from "./stats.ts";
import type { Role } from "./subjects/subject.ts";

/** One of the values that a figure measures. */
export interface Metric {
  readonly name: string;
  readonly unit: string;
  readonly better: "higher" | "lower";
  /** Where the metric lies on a curve, for figures that measure the shape of a cost. */
  readonly point?: Point;
}

/** One point of one curve. */
export interface Point {
  readonly curve: string;
  /** In the unit of the figure's axis. */
  readonly x: number;
}

/** What grows along the curves of a figure. */
export interface Axis {
  readonly title: string;
  /** `bytes` are labelled in powers of 1,024. */
  readonly unit: "count" | "bytes";
}

/** The values of one subject, by metric, one entry a round; undefined where the round failed. */
export type Rounds = readonly (Readonly<Record<string, number>> | undefined)[];

/** A subject as it was measured. */
export interface Measured {
  readonly subject: string;
  readonly role: Role;
  readonly rounds: Rounds;
}

export interface SubjectResult extends Summary {
  readonly subject: string;
  readonly role: Role;
  /** Of a variant of ours to the best peer, as `ratioToBestPeer` is ours'. */
  readonly ratioToBestPeer?: number;
}

export interface MetricResult extends Metric {
  readonly subjects: readonly SubjectResult[];
  /** The peer with the best median. */
  readonly bestPeer?: string;
  /** Of ours to it; above 1 is more, which is not always better. */
  readonly ratioToBestPeer?: number;
  readonly ratioToDirect?: number;
  /** Of ours to the executable given by `--before`. */
  readonly ratioToBefore?: number;
}

/** Why something is not in the result. */
export interface Skip {
  readonly what: string;
  readonly reason: string;
  /** It was tried and went wrong; otherwise it could not be tried. */
  readonly failed?: true;
}

export interface FigureResult {
  readonly name: string;
  readonly title: string;
  /** Of those that measure the shape of a cost. */
  readonly axis?: Axis;
  readonly metrics: readonly MetricResult[];
  readonly skipped: readonly Skip[];
}

export interface Result {
  readonly started: string;
  readonly machine: Readonly<Record<string, string | number>>;
  readonly subjects: readonly { readonly name: string; readonly version: string }[];
  readonly skipped: readonly Skip[];
  readonly rounds: number;
  readonly quick: boolean;
  readonly figures: readonly FigureResult[];
}

/** @returns the median, spread and ratios of one metric over all subjects that finished at least one round. */
export function resultOf(metric: Metric, measured: readonly Measured[]): MetricResult {
  const valuesOf = ({ rounds }: Measured) => rounds.map((round) => round?.[metric.name]);
  const summaries = measured.flatMap((one) => {
    const values = valuesOf(one).filter((value) => value !== undefined);
    return values.length === 0 ? [] : [{ subject: one.subject, role: one.role, ...summarize(values) }];
  });
  const sign = metric.better === "higher" ? -1 : 1;
  const best = summaries.filter(({ role }) => role === "peer").sort((a, b) => sign * (a.median - b.median))[0];
  const named = (name: string | undefined) => measured.find(({ subject }) => subject === name);
  const of = (role: Role) => measured.find((one) => one.role === role);
  const ratio = (one: Measured | undefined, other: Measured | undefined) =>
    one && other && pairedRatio(valuesOf(one), valuesOf(other));
  const ratioTo = (other: Measured | undefined) => ratio(of("ours"), other);
  const subjects = summaries.map((summary): SubjectResult => {
    const toBestPeer = summary.role === "variant" ? ratio(named(summary.subject), named(best?.subject)) : undefined;
    return { ...summary, ...withoutUndefined({ ratioToBestPeer: toBestPeer }) };
  });
  const ratios = {
    bestPeer: best?.subject,
    ratioToBestPeer: ratioTo(named(best?.subject)),
    ratioToDirect: ratioTo(of("direct")),
    ratioToBefore: ratioTo(of("before")),
  };
  return { ...metric, subjects, ...withoutUndefined(ratios) };
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function withoutUndefined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as Defined<T>;
}
