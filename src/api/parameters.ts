/** Query parameters of the resource API. Every parameter is honoured or refused with 422, never dropped. */
import type { Fault, FaultType } from "../resources/faults.ts";
import { invalidParameters } from "./status-error.ts";

export interface ListParameters {
  labelSelector?: string;
  fieldSelector?: string;
  limit?: number;
  continue?: string;
  resourceVersion?: bigint;
  resourceVersionMatch?: "Exact" | "NotOlderThan";
  watch: boolean;
  allowWatchBookmarks: boolean;
  sendInitialEvents?: boolean;
  /** Seconds. */
  timeoutSeconds?: number;
  includeObject: IncludeObject;
}

/** What a Table's rows carry beside their cells. */
export type IncludeObject = "None" | "Metadata" | "Object";
const INCLUDE_OBJECT: readonly IncludeObject[] = ["None", "Metadata", "Object"];

export type FieldValidation = "Strict" | "Warn" | "Ignore";

export interface WriteParameters {
  dryRun: boolean;
  fieldManager?: string;
  fieldValidation: FieldValidation;
  force: boolean;
}

/** Parameters that ask for nothing that this API could do otherwise: printing, and the deadlines of discovery. */
const WITHOUT_EFFECT = ["pretty", "timeout"];

class Reader {
  readonly faults: Fault[] = [];
  constructor(
    private readonly query: URLSearchParams,
    known: readonly string[],
  ) {
    for (const name of new Set(query.keys())) {
      if (![...known, ...WITHOUT_EFFECT].includes(name)) {
        this.refuse(name, "FieldValueForbidden", `Forbidden: this request takes ${known.join(", ")}`);
      }
    }
  }

  refuse(path: string, type: FaultType, message: string): void {
    this.faults.push({ path, type, message });
  }

  text(name: string): string | undefined {
    const values = this.query.getAll(name);
    if (values.length > 1) this.refuse(name, "FieldValueDuplicate", "Duplicate value: give it once");
    return values[0] === undefined || values[0] === "" ? undefined : values[0];
  }

  flag(name: string): boolean | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    if (value === "true" || value === "1") return true;
    if (value === "false" || value === "0") return false;
    this.refuse(name, "FieldValueInvalid", `Invalid value: ${quote(value)}: must be true or false`);
    return undefined;
  }

  integer(name: string, max: number): number | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    if (/^[0-9]{1,12}$/.test(value) && Number(value) <= max) return Number(value);
    this.refuse(name, "FieldValueInvalid", `Invalid value: ${quote(value)}: must be a whole number from 0 to ${max}`);
    return undefined;
  }

  version(name: string): bigint | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    if (/^[0-9]{1,20}$/.test(value)) return BigInt(value);
    this.refuse(
      name,
      "FieldValueInvalid",
      `Invalid value: ${quote(value)}: must be a resourceVersion that this API gave`,
    );
    return undefined;
  }

  choice<T extends string>(name: string, choices: readonly T[]): T | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    const found = choices.find((one) => one === value);
    if (found === undefined) {
      const message = `Unsupported value: ${quote(value)}: supported values: ${choices.map(quote).join(", ")}`;
      this.refuse(name, "FieldValueNotSupported", message);
    }
    return found;
  }

  done(): void {
    if (this.faults.length > 0) throw invalidParameters(this.faults);
  }
}

function quote(value: string): string {
  return JSON.stringify(value.slice(0, 120));
}

/** A value that is left out where it is undefined, as `exactOptionalPropertyTypes` wants it. */
function given<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]: V });
}

const SELECTION = ["labelSelector", "fieldSelector", "limit", "continue", "resourceVersion", "resourceVersionMatch"];
const WATCHING = ["watch", "allowWatchBookmarks", "sendInitialEvents", "timeoutSeconds", "includeObject"];

/**
 * Reads the parameters of a list or a watch, with the combinations that Kubernetes forbids
 * (https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions).
 * @throws {ApiError} 422 that names every wrong parameter
 */
export function readListParameters(query: URLSearchParams): ListParameters {
  const reader = new Reader(query, [...SELECTION, ...WATCHING]);
  const watch = reader.flag("watch") ?? false;
  const resourceVersion = reader.version("resourceVersion");
  const match = reader.choice("resourceVersionMatch", ["Exact", "NotOlderThan"]);
  const sendInitialEvents = reader.flag("sendInitialEvents");
  const parameters: ListParameters = {
    ...given("labelSelector", reader.text("labelSelector")),
    ...given("fieldSelector", reader.text("fieldSelector")),
    ...given("limit", reader.integer("limit", 1_000_000) || undefined),
    ...given("continue", reader.text("continue")),
    ...given("resourceVersion", resourceVersion),
    ...given("resourceVersionMatch", match),
    ...given("sendInitialEvents", sendInitialEvents),
    ...given("timeoutSeconds", reader.integer("timeoutSeconds", 86_400)),
    watch,
    allowWatchBookmarks: reader.flag("allowWatchBookmarks") ?? false,
    includeObject: reader.choice("includeObject", INCLUDE_OBJECT) ?? "Metadata",
  };
  const forbid = (name: string, why: string) => reader.refuse(name, "FieldValueForbidden", `Forbidden: ${why}`);
  if (watch) forbidInWatch(parameters, forbid);
  else forbidInList(parameters, forbid);
  reader.done();
  return parameters;
}

type Forbid = (name: string, why: string) => void;

function forbidInWatch(
  { resourceVersionMatch: match, sendInitialEvents, limit, continue: token }: ListParameters,
  forbid: Forbid,
) {
  if (limit !== undefined) forbid("limit", "a watch has no limit");
  if (token !== undefined) forbid("continue", "a watch is not continued; watch from a resourceVersion");
  if (sendInitialEvents !== undefined && match !== "NotOlderThan") {
    forbid("resourceVersionMatch", "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
  }
  if (sendInitialEvents === undefined && match !== undefined) {
    forbid("resourceVersionMatch", "not in a watch, unless sendInitialEvents is provided");
  }
}

function forbidInList(parameters: ListParameters, forbid: Forbid) {
  const { resourceVersion: version, resourceVersionMatch: match, sendInitialEvents, continue: token } = parameters;
  if (sendInitialEvents !== undefined) forbid("sendInitialEvents", "only in a watch");
  if (match !== undefined && version === undefined) {
    forbid("resourceVersionMatch", "not unless resourceVersion is provided");
  }
  if (match === "Exact" && version === 0n) forbid("resourceVersionMatch", 'not "Exact" for resourceVersion "0"');
  if (token === undefined) return;
  if (match !== undefined) forbid("resourceVersionMatch", "not when continue is provided");
  if (version !== undefined && version !== 0n) forbid("resourceVersion", "not when continue is provided");
}

/**
 * Reads the parameters of a get.
 * @throws {ApiError} 422
 */
export function readGetParameters(query: URLSearchParams): { resourceVersion?: bigint; includeObject: IncludeObject } {
  const reader = new Reader(query, ["resourceVersion", "includeObject"]);
  const version = reader.version("resourceVersion");
  const includeObject = reader.choice("includeObject", INCLUDE_OBJECT) ?? "Metadata";
  reader.done();
  return { ...given("resourceVersion", version), includeObject };
}

/**
 * Reads the parameters of a create, an update or a patch.
 * @param apply whether it is a server-side apply: that needs a `fieldManager`, and alone may `force`
 * @throws {ApiError} 422
 */
export function readWriteParameters(query: URLSearchParams, apply = false): WriteParameters {
  const reader = new Reader(query, ["dryRun", "fieldManager", "fieldValidation", "force"]);
  const dryRun = reader.choice("dryRun", ["All"]) === "All";
  const fieldManager = reader.text("fieldManager");
  const fieldValidation = reader.choice("fieldValidation", ["Strict", "Warn", "Ignore"]) ?? "Strict";
  const force = reader.flag("force");
  if (fieldManager !== undefined && (fieldManager.length > 128 || !/^\P{C}*$/u.test(fieldManager))) {
    reader.refuse("fieldManager", "FieldValueInvalid", "Invalid value: must be at most 128 printable characters");
  }
  if (apply && fieldManager === undefined) {
    reader.refuse("fieldManager", "FieldValueRequired", "Required value: is required for apply patch");
  }
  if (!apply && force !== undefined) {
    reader.refuse("force", "FieldValueForbidden", "Forbidden: may not be specified for non-apply patch");
  }
  reader.done();
  return { dryRun, ...given("fieldManager", fieldManager), fieldValidation, force: force ?? false };
}

/** How dependents fare; accepted for the sake of clients, and without effect, since nothing here has dependents. */
const PROPAGATION = ["Background", "Foreground", "Orphan"] as const;

/**
 * Reads the query of a delete.
 * @throws {ApiError} 422
 */
export function readDeleteParameters(query: URLSearchParams): { dryRun: boolean } {
  const reader = new Reader(query, ["dryRun", "propagationPolicy", "gracePeriodSeconds", "orphanDependents"]);
  const dryRun = reader.choice("dryRun", ["All"]) === "All";
  reader.choice("propagationPolicy", PROPAGATION);
  reader.integer("gracePeriodSeconds", 86_400);
  reader.flag("orphanDependents");
  reader.done();
  return { dryRun };
}

/**
 * Reads the query of the deletion of a collection: what selects, and what tells how.
 * @throws {ApiError} 422
 */
export function readCollectionDelete(query: URLSearchParams): {
  dryRun: boolean;
  selection: Pick<ListParameters, "labelSelector" | "fieldSelector">;
} {
  const selecting = ["labelSelector", "fieldSelector"];
  const rest = new URLSearchParams([...query].filter(([name]) => !selecting.includes(name)));
  const { dryRun } = readDeleteParameters(rest);
  const { labelSelector, fieldSelector } = readListParameters(
    new URLSearchParams([...query].filter(([name]) => selecting.includes(name))),
  );
  return { dryRun, selection: { ...given("labelSelector", labelSelector), ...given("fieldSelector", fieldSelector) } };
}
