/** How the API says no: `metav1.Status` objects, as Kubernetes clients read them. */
import type { Fault } from "../resources/faults.ts";
import { KINDS } from "../resources/kinds.ts";
import { GROUP } from "../resources/meta.ts";
import { StoreError } from "../store/errors.ts";
import { JsonPatchError } from "./json-patch.ts";
import { ApplyConflict } from "./managed-fields.ts";
import { ExplainError } from "./site-view.ts";

export interface StatusCause {
  reason: string;
  message: string;
  field: string;
}

export interface StatusDetails {
  name?: string;
  group?: string;
  kind?: string;
  uid?: string;
  causes?: StatusCause[];
  retryAfterSeconds?: number;
}

export interface StatusObject {
  kind: "Status";
  apiVersion: "v1";
  metadata: Record<string, never>;
  status: "Success" | "Failure";
  message?: string;
  reason?: string;
  details?: StatusDetails;
  code: number;
}

/** The reasons of `metav1.StatusReason` that this API uses, each with its HTTP status. */
const HTTP_STATUS = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  AlreadyExists: 409,
  Conflict: 409,
  Expired: 410,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  Invalid: 422,
  TooManyRequests: 429,
  InternalError: 500,
  ServiceUnavailable: 503,
  Timeout: 504,
} as const;

export type StatusReason = keyof typeof HTTP_STATUS;
export type FailureStatus = (typeof HTTP_STATUS)[StatusReason];

/** An answer that is not the wanted one; thrown by handlers, written out by the app. */
export class ApiError extends Error {
  readonly status: FailureStatus;
  constructor(
    readonly code: StatusReason,
    message: string,
    readonly details: StatusDetails = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = "ApiError";
    this.status = HTTP_STATUS[code];
  }

  /** @returns the `metav1.Status` to send. */
  toStatus(): StatusObject {
    return {
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Failure",
      message: this.message,
      reason: this.code,
      ...(Object.keys(this.details).length === 0 ? {} : { details: this.details }),
      code: this.status,
    };
  }
}

/** @returns the error for query parameters that are wrong: 422 with one cause a parameter. */
export function invalidParameters(faults: readonly Fault[]): ApiError {
  const message = faults.map((fault) => `${fault.path}: ${fault.message}`).join(", ");
  return new ApiError("Invalid", `the request is invalid: ${message}`, { causes: causesOf(faults) });
}

/** @returns the causes of faults, in their order. */
function causesOf(faults: readonly Fault[]): StatusCause[] {
  return faults.map(({ path, type, message }) => ({ reason: type, message, field: path }));
}

/** @returns what to answer for anything that a handler threw; `undefined` where it is no answer but a defect. */
export function toApiError(error: unknown): ApiError | undefined {
  if (error instanceof ApiError) return error;
  if (error instanceof StoreError) return fromStore(error);
  if (error instanceof ApplyConflict) {
    const causes = error.conflicts.map(({ manager, field }) => ({
      reason: "FieldManagerConflict",
      message: `conflict with ${manager}`,
      field,
    }));
    return new ApiError("Conflict", error.message, { causes }, { cause: error });
  }
  if (error instanceof JsonPatchError) {
    return new ApiError(error.code === "malformed" ? "BadRequest" : "Invalid", error.message, {}, { cause: error });
  }
  if (error instanceof ExplainError) return new ApiError("NotFound", error.message, {}, { cause: error });
  return undefined;
}

function fromStore(error: StoreError): ApiError {
  const { code, kind, objectName, faults } = error;
  const details: StatusDetails = {
    ...(objectName === undefined || objectName === "" ? {} : { name: objectName }),
    ...(kind === undefined ? {} : { group: GROUP, kind: code === "Invalid" ? kind : KINDS[kind].plural }),
    ...(faults.length === 0 ? {} : { causes: causesOf(faults) }),
  };
  const reason = code === "Unavailable" ? "ServiceUnavailable" : code;
  return new ApiError(reason, error.message, details, { cause: error });
}
