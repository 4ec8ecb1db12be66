/** Tables as kubectl prints them: columns padded to their widest cell, three spaces apart. */

/** Prints rows as they come: a column never gets narrower than it was, so that a watch stays readable. */
export class ColumnPrinter {
  readonly #widths: number[] = [];

  /** @returns these rows as lines; the last column is not padded. */
  lines(rows: readonly (readonly string[])[]): string[] {
    for (const row of rows) {
      row.forEach((cell, index) => {
        this.#widths[index] = Math.max(this.#widths[index] ?? 0, Bun.stringWidth(cell));
      });
    }
    return rows.map((row) =>
      row
        .map((cell, index) => {
          const padding = (this.#widths[index] ?? 0) - Bun.stringWidth(cell);
          return index === row.length - 1 ? cell : cell + " ".repeat(padding);
        })
        .join("   ")
        .trimEnd(),
    );
  }
}

/** @returns a whole table as lines, the header in capitals. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  return new ColumnPrinter().lines([header.map((name) => name.toUpperCase()), ...rows]);
}
