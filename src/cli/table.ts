/** `meta.k8s.io/v1` Tables, which the gateway makes and the command line prints. */
import { ColumnPrinter } from "./columns.ts";

/** Asks for a Table; plain JSON is taken from a server that makes none. */
export const TABLE_TYPE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

export interface Table {
  metadata?: { resourceVersion?: string };
  /** Absent or empty in the later events of a watch. */
  columnDefinitions?: TableColumn[] | null;
  rows: TableRow[];
}

export interface TableColumn {
  name: string;
  /** 0 is always shown; above it only with `-o wide`. */
  priority: number;
}

export interface TableRow {
  cells: unknown[];
  object?: { metadata?: { name?: string; namespace?: string; resourceVersion?: string } };
}

export interface TablePrinterOptions {
  wide: boolean;
  /** Whether each row starts with its namespace. */
  namespace: boolean;
  /** Put before each name, for tables of several kinds. */
  prefix?: string;
}

/** Prints a table, and then more rows of it with the same columns, without a second header. */
export class TablePrinter {
  readonly #columns = new ColumnPrinter();
  #shown: number[] | undefined;

  constructor(readonly options: TablePrinterOptions) {}

  /** @returns the lines for these rows, the first time with a header. */
  lines(table: Table): string[] {
    const definitions = table.columnDefinitions ?? [];
    const rows: string[][] = [];
    if (this.#shown === undefined) {
      const visible = definitions
        .map((column, index) => ({ column, index }))
        .filter(({ column }) => this.#visible(column));
      this.#shown = visible.map(({ index }) => index);
      const names = visible.map(({ column }) => column.name.toUpperCase());
      rows.push(this.options.namespace ? ["NAMESPACE", ...names] : names);
    }
    for (const row of table.rows) rows.push(this.#cells(row, this.#shown));
    return this.#columns.lines(rows);
  }

  #visible(column: TableColumn): boolean {
    return this.options.wide || column.priority === 0;
  }

  #cells(row: TableRow, shown: number[]): string[] {
    const cells = shown.map((index) => cellText(row.cells[index]));
    if (this.options.prefix !== undefined) cells[0] = `${this.options.prefix}${cells[0] ?? ""}`;
    return this.options.namespace ? [row.object?.metadata?.namespace ?? "", ...cells] : cells;
  }
}

function cellText(cell: unknown): string {
  if (cell === null || cell === undefined || cell === "") return "";
  return (typeof cell === "object" ? JSON.stringify(cell) : String(cell)).replaceAll("\n", "\\n");
}
