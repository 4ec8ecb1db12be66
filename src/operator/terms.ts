import type { Operator } from "./operator.ts";

/** Runs an operator for as long as this process leads; never two at a time. */
export class Terms {
  #current: Pick<Operator, "start" | "stop"> | undefined;
  /** Resolves when every operator before the current one has ended. */
  #ended: Promise<unknown> = Promise.resolve();

  /** @param make - makes the operator of one term. */
  constructor(readonly make: () => Pick<Operator, "start" | "stop">) {}

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
