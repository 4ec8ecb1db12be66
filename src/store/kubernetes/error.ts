/** How the API server says no. */
import type { Fault, FaultType } from "../../resources/faults.ts";
import { KINDS, type KindName } from "../../resources/kinds.ts";
import { StoreError, type StoreErrorCode } from "../errors.ts";

/** `metav1.Status` of a failure. */
export interface KubeStatus {
  code: number;
  /** For example `NotFound`, `Forbidden`, `Conflict`; empty when the server did not say. */
  reason: string;
  message: string;
  details?: {
    name?: string;
    group?: string;
    kind?: string;
    uid?: string;
    retryAfterSeconds?: number;
    causes?: { reason?: string; message?: string; field?: string }[];
  };
}

/**
 * A request that the API server refused or that did not reach it. `code` is what it means to a caller of a store;
 * `status` is what the server said. Neither has a credential in it.
 */
export class KubeApiError extends StoreError {
  /** Absent when the server was not reached or broke off. */
  readonly status: KubeStatus | undefined;

  constructor(code: StoreErrorCode, message: string, details: { status?: KubeStatus; cause?: unknown } = {}) {
    const { status, cause } = details;
    const kind = kindOf(status?.details?.kind);
    super(code, message, {
      ...(kind === undefined ? {} : { kind }),
      ...(status?.details?.name === undefined ? {} : { name: status.details.name }),
      faults: faultsOf(status),
      ...(cause === undefined ? {} : { cause }),
    });
    this.name = "KubeApiError";
    this.status = status;
  }

  /** The HTTP status; undefined when the server was not reached or broke off. */
  get httpStatus(): number | undefined {
    return this.status?.code;
  }
}

/** What was asked, for messages. */
export interface Asked {
  /** For example `PATCH`. */
  method: string;
  path: string;
}

/** @returns the error for a `metav1.Status`, from a response or from a watch's ERROR event. */
export function statusError(status: KubeStatus, asked: Asked): KubeApiError {
  const said = status.message === "" ? `HTTP status ${status.code}` : status.message;
  const message = `the API server refused ${asked.method} ${asked.path}: ${said}`;
  return new KubeApiError(codeOf(status), message, { status });
}

/** Reads a `metav1.Status`; what is none becomes one with the HTTP status and no reason. */
export function readStatus(body: unknown, httpStatus: number): KubeStatus {
  if (!isRecord(body) || body["kind"] !== "Status") return { code: httpStatus, reason: "", message: "" };
  const { code, reason, message, details } = body;
  return {
    code: typeof code === "number" ? code : httpStatus,
    reason: typeof reason === "string" ? reason : "",
    message: typeof message === "string" ? message : "",
    ...(isRecord(details) ? { details } : {}),
  };
}

/** @returns why a connection failed, in short: Bun's messages of fetch add advice for programmers to the code. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  return code ?? error.message;
}

/** @returns whether the error says that this very object is not there, and not that the API server lacks its kind. */
export function isObjectMissing(error: unknown): boolean {
  return error instanceof KubeApiError && error.status?.reason === "NotFound" && Boolean(error.status.details?.name);
}

/** The server says the plural, and the kind itself where the object is invalid. */
function kindOf(text: string | undefined): KindName | undefined {
  return Object.values(KINDS).find(({ kind, plural }) => text === kind || text === plural)?.kind;
}

/** Without the notice that CEL rules were not checked, which stands among the causes with no field. */
function faultsOf(status: KubeStatus | undefined): Fault[] {
  const causes = (status?.details?.causes ?? []).filter(({ field }) => field !== "<nil>");
  return causes.map(({ field, reason, message }) => ({
    path: field ?? "",
    type: (reason ?? "FieldValueInvalid") as FaultType,
    message: message ?? "",
  }));
}

function codeOf({ code, reason }: KubeStatus): StoreErrorCode {
  if (reason === "AlreadyExists") return "AlreadyExists";
  if (code === 409) return "Conflict";
  if (code === 410) return "Expired";
  if (code === 404 && reason === "NotFound") return "NotFound";
  if (code === 400 || code === 413 || code === 415 || code === 422) return "Invalid";
  return "Unavailable";
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
