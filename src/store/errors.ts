/** How a store says no. */
import { type Fault, formatFaults } from "../resources/faults.ts";
import { KINDS, type KindName } from "../resources/kinds.ts";
import { GROUP } from "../resources/meta.ts";

/**
 * - `NotFound`, `AlreadyExists`: of the object.
 * - `Conflict`: somebody else changed the object meanwhile, a precondition failed, or the object belongs to a manifest file.
 * - `Expired`: the version that a watch or a continue token rests on is no longer retained; list again.
 * - `Invalid`: `faults` has every reason.
 * - `Unavailable`: the store itself failed (disk full, file damaged, closed); trying again may help.
 */
export type StoreErrorCode = "NotFound" | "AlreadyExists" | "Conflict" | "Expired" | "Invalid" | "Unavailable";

export interface StoreErrorDetails {
  kind?: KindName;
  name?: string;
  faults?: readonly Fault[];
  cause?: unknown;
}

export class StoreError extends Error {
  readonly code: StoreErrorCode;
  readonly kind: KindName | undefined;
  /** Of the object; empty or absent when the error is about none. */
  readonly objectName: string | undefined;
  readonly faults: readonly Fault[];

  constructor(code: StoreErrorCode, message: string, details: StoreErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "StoreError";
    this.code = code;
    this.kind = details.kind;
    this.objectName = details.name;
    this.faults = details.faults ?? [];
  }
}

/** @returns the error for an object that is not there. */
export function notFound(kind: KindName, name: string): StoreError {
  return new StoreError("NotFound", `${resource(kind)} "${name}" not found`, { kind, name });
}

/** @returns the error for a name that is taken. */
export function alreadyExists(kind: KindName, name: string): StoreError {
  return new StoreError("AlreadyExists", `${resource(kind)} "${name}" already exists`, { kind, name });
}

/** @returns the error for a write that rests on an older state; `why` says what to do. */
export function conflict(kind: KindName, name: string, why: string): StoreError {
  return new StoreError("Conflict", `Operation cannot be fulfilled on ${resource(kind)} "${name}": ${why}`, {
    kind,
    name,
  });
}

/** @returns the error for an object with these faults. */
export function invalid(kind: KindName, name: string, faults: readonly Fault[]): StoreError {
  const message = `${kind}.${GROUP} "${name}" is invalid: ${formatFaults(faults)}`;
  return new StoreError("Invalid", message, { kind, name, faults });
}

/** @returns the error for a version or token that the store no longer retains. */
export function expired(message: string): StoreError {
  return new StoreError("Expired", message);
}

function resource(kind: KindName): string {
  return `${KINDS[kind].plural}.${GROUP}`;
}
