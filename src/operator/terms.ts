import type { Operator } from "./operator.ts";

/** What is asked of the operator of one term. */
export type Term = Pick<Operator, "start" | "stop" | "synced">;

/** Runs an operator for as long as this process leads; never two at a time. */
export class Terms {
  #current: Term | undefined;
  /** Resolves when every operator before the current one has ended. */
  #ended: Promise<unknown> = Promise.resolve();

  /** @param make - makes the operator of one term. */
  constructor(readonly make: () => Term) {}

  /** Whether the operator has read all that it acts upon; while another process leads there is nothing to read. */
  get synced(): boolean {
    return this.#current?.synced ?? true;
  }

  /** To be called whenever it changes who leads. An operator whose term is over writes nothing after this returns. */
  onChange(leads: boolean): void {
    this.#ended = Promise.all([this.#ended, this.#current?.stop()]);
    const next = leads ? this.make() : undefined;
    this.#current = next;
    if (next) void this.#ended.then(() => this.#current === next && next.start());
  }

  /** Ends the term, and resolves when its operator has ended. */
  async stop(): Promise<void> {
    this.onChange(false);
    await this.#ended;
  }
}
