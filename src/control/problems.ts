/** What went wrong and stays wrong until somebody acts, by who noticed it. */
export class Problems {
  readonly #bySource = new Map<string, readonly string[]>();

  /** Replaces what this source has to say; nothing when all is well. */
  set(source: string, problems: readonly string[]): void {
    this.#bySource.set(source, problems);
  }

  get all(): string[] {
    return [...this.#bySource.values()].flat();
  }
}
