/** Tables, the form in which `kubectl get` asks for resources (`meta.k8s.io/v1`). */
import { KINDS, type KindName, type PrinterColumn, type ResourceOf } from "../resources/kinds.ts";
import { compileJsonPath } from "./json-path.ts";
import type { IncludeObject } from "./parameters.ts";

export interface TableColumn {
  name: string;
  type: string;
  format: string;
  description: string;
  priority: number;
}

export interface TableRow {
  cells: (string | number | null)[];
  object?: unknown;
}

/** How one kind is printed. */
export interface TablePrinter {
  columns: TableColumn[];
  /** @param now milliseconds since the epoch, for ages */
  row(object: { metadata: object }, now: number, include: IncludeObject, metaVersion: string): TableRow;
}

const NAME_COLUMN: TableColumn = {
  name: "Name",
  type: "string",
  format: "name",
  description: "Unique within the kind and the namespace.",
  priority: 0,
};

/** @returns the printer for these columns after the name. */
export function createPrinter(columns: readonly PrinterColumn[]): TablePrinter {
  const paths = columns.map(({ jsonPath }) => compileJsonPath(jsonPath));
  const nameOf = compileJsonPath(".metadata.name");
  return {
    columns: [
      NAME_COLUMN,
      ...columns.map(({ name, type, description, priority = 0 }) => ({
        name,
        type,
        format: "",
        description,
        priority,
      })),
    ],
    row(object, now, include, metaVersion) {
      const name = nameOf(object)[0];
      const cells = columns.map(({ type }, index) => cell(type, paths[index]?.(object) ?? [], now));
      return {
        cells: [typeof name === "string" ? name : null, ...cells],
        ...(include === "None" ? {} : { object: include === "Object" ? object : partialMetadata(object, metaVersion) }),
      };
    },
  };
}

function cell(type: PrinterColumn["type"], found: readonly unknown[], now: number): string | number | null {
  const [first] = found;
  if (first === undefined) return type === "date" ? "<unknown>" : null;
  if (type === "date") {
    const since = typeof first === "string" ? Date.parse(first) : Number.NaN;
    return Number.isNaN(since) ? "<unknown>" : humanDuration(now - since);
  }
  if (type === "integer") return typeof first === "number" ? first : null;
  return found.map((one) => (typeof one === "object" ? JSON.stringify(one) : String(one))).join(",");
}

const printers = new Map<KindName, TablePrinter>();

/** @returns the printer of a kind. */
export function printerOf(kind: KindName): TablePrinter {
  const known = printers.get(kind);
  if (known !== undefined) return known;
  const made = createPrinter(KINDS[kind].columns);
  printers.set(kind, made);
  return made;
}

/** @returns the object as `PartialObjectMetadata`. */
export function partialMetadata(object: { metadata: object }, metaVersion: string): object {
  return { kind: "PartialObjectMetadata", apiVersion: metaVersion, metadata: object.metadata };
}

/** @returns a Table of these rows; a watch leaves the columns out after its first event. */
export function tableOf(metaVersion: string, metadata: object, columns: TableColumn[], rows: TableRow[]): object {
  return { kind: "Table", apiVersion: metaVersion, metadata, columnDefinitions: columns, rows };
}

/**
 * @param age milliseconds
 * @returns the age as kubectl prints it, two units at most: `45s`, `3m20s`, `5h`, `2d3h`, `400d`
 */
function humanDuration(age: number): string {
  const seconds = Math.max(0, Math.floor(age / 1000));
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  const pair = (large: number, unit: string, small: number, smallUnit: string) =>
    small === 0 ? `${large}${unit}` : `${large}${unit}${small}${smallUnit}`;
  if (seconds < 120) return `${seconds}s`;
  if (minutes < 10) return pair(minutes, "m", seconds % 60, "s");
  if (hours < 3) return `${minutes}m`;
  if (hours < 8) return pair(hours, "h", minutes % 60, "m");
  if (hours < 48) return `${hours}h`;
  if (days < 8) return pair(days, "d", hours % 24, "h");
  if (days < 2 * 365) return `${days}d`;
  const years = Math.floor(days / 365);
  return years < 8 ? pair(years, "y", days % 365, "d") : `${years}y`;
}

/** @returns the list of a kind as Kubernetes names it: `PeerList`. */
export function listOf<K extends KindName>(
  kind: K,
  metadata: object,
  items: readonly ResourceOf<K>[],
  apiVersion: string,
) {
  return { apiVersion, kind: `${kind}List`, metadata, items };
}
