import type { Addresses, Lab, Service } from "../lab.ts";
import type { Address } from "../ports.ts";
import type { Axis, Metric } from "../result.ts";
import type { Running, Subject } from "../subjects/subject.ts";

/** What a measurement of one subject may use. */
export interface Setting {
  readonly lab: Lab;
  readonly subject: Subject;
  /** The subject as it runs for all figures. */
  readonly running: Running;
  /** Short runs, for a first look. */
  readonly quick: boolean;
  /** How long a subject rests before its first connection after that is timed, in seconds. */
  readonly idle: number;
  /** The highest {@link ProxyFigure.peak} of a peer; given where the figure has one. */
  readonly bestPeak?: number;
}

/** What a measurement of our own code alone may use. */
export interface OwnSetting {
  readonly lab: Lab;
  /** The executable of ours that is measured. */
  readonly executable: string;
  readonly quick: boolean;
}

export type Values = Readonly<Record<string, number>>;

interface Common {
  /** As `--only` names it. */
  readonly name: string;
  readonly title: string;
  /** One without a name is the figure itself. */
  readonly metrics: readonly Metric[];
  /** What grows, where the metrics are points of curves. */
  readonly axis?: Axis;
  /** At most so many rounds, where one takes long or repeats itself. */
  readonly maxRounds?: number;
}

/** Thrown by a measurement that went wrong on its way; what it has measured by then counts. */
export class PartlyMeasured extends Error {
  constructor(
    readonly values: Values,
    message: string,
    cause: unknown,
  ) {
    super(message, { cause });
    this.name = "PartlyMeasured";
  }
}

/** Measured for every subject that carries the service. */
export interface ProxyFigure extends Common {
  readonly kind: "proxy";
  readonly service: Service;
  /** Services that it uses besides. */
  readonly besides?: readonly Service[];
  /** Settings of the wide-area link between the sites; without them both are on the loopback interface. */
  readonly link?: readonly string[];
  /** Programs without which it is skipped. */
  readonly programs: readonly string[];
  /** @returns whether it is about this subject; it is about every one otherwise. */
  concerns?(subject: Subject): boolean;
  /** @returns why this subject cannot be measured, or undefined. */
  unfit?(subject: Subject, running: Running): string | undefined;
  /** Not measured, so that caches, pools and just-in-time compilers are ready; none where every round starts anew. */
  warmUp?(setting: Setting): Promise<unknown>;
  /** What a subject reaches when nothing holds the load back; asked of every peer before the rounds. */
  peak?(setting: Setting): Promise<number>;
  measure(setting: Setting): Promise<Values>;
}

/** Measured once a round, of our own code only. */
export interface OwnFigure extends Common {
  readonly kind: "own";
  /** The service behind the gateways, where it measures gateways that carry one. */
  readonly service?: Service;
  readonly programs?: readonly string[];
  measure(setting: OwnSetting): Promise<Values>;
}

export type Figure = ProxyFigure | OwnFigure;

/** @returns where clients of the service enter. @throws {Error} when the subject does not carry it */
export function entryOf(addresses: Addresses, service: Service): Address {
  const address = addresses[service];
  if (address === undefined) throw new Error(`${service} is not carried`);
  return address;
}
