import type { Addresses, Lab, Service } from "../lab.ts";
import type { Address } from "../ports.ts";
import type { Metric } from "../result.ts";
import type { Running, Subject } from "../subjects/subject.ts";

/** What a measurement of one subject may use. */
export interface Setting {
  readonly lab: Lab;
  readonly subject: Subject;
  /** The subject as it runs for all figures. */
  readonly running: Running;
  /** Short runs, for a first look. */
  readonly quick: boolean;
}

export type Values = Readonly<Record<string, number>>;

interface Common {
  /** As `--only` names it. */
  readonly name: string;
  readonly title: string;
  /** One without a name is the figure itself. */
  readonly metrics: readonly Metric[];
}

/** Measured for every subject that carries the service. */
export interface ProxyFigure extends Common {
  readonly kind: "proxy";
  readonly service: Service;
  /** Programs without which it is skipped. */
  readonly programs: readonly string[];
  /** @returns why this subject cannot be measured, or undefined. */
  unfit?(subject: Subject, running: Running): string | undefined;
  /** Not measured, so that caches, pools and just-in-time compilers are ready; none where every round starts anew. */
  warmUp?(setting: Setting): Promise<unknown>;
  measure(setting: Setting): Promise<Values>;
}

/** Measured once a round, of our own code only. */
export interface OwnFigure extends Common {
  readonly kind: "own";
  measure(quick: boolean): Promise<Values>;
  /** The measurement repeats itself: one round is enough. */
  readonly once?: true;
}

export type Figure = ProxyFigure | OwnFigure;

/** @returns where clients of the service enter. @throws {Error} when the subject does not carry it */
export function entryOf(addresses: Addresses, service: Service): Address {
  const address = addresses[service];
  if (address === undefined) throw new Error(`${service} is not carried`);
  return address;
}
