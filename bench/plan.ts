/** What is measured, on whom, and how often. */
import type { Setting } from "./figures/figure.ts";
import type { Lab } from "./lab.ts";
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
  /** All that are to be measured, for figures that start them anew. */
  readonly subjects: readonly Subject[];
  readonly rounds: number;
  readonly quick: boolean;
  /** Seconds; see {@link Setting.idle}. */
  readonly idle: number;
  /** Told what is being measured. */
  readonly progress: (text: string) => void;
}
