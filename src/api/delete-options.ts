import { isObject, type JsonObject, jsonEqual } from "./json.ts";
import { ApiError } from "./status-error.ts";

export interface Preconditions {
  uid?: string;
  resourceVersion?: string;
}

/** Reads the preconditions of a DeleteOptions body. @throws {ApiError} 400 for another kind of body */
export function readDeleteOptions(body: JsonObject): { preconditions: Preconditions; dryRun: boolean } {
  if (body["kind"] !== undefined && body["kind"] !== "DeleteOptions") {
    throw new ApiError("BadRequest", `the body of a delete is a DeleteOptions, not a ${String(body["kind"])}`);
  }
  const { preconditions, dryRun } = body;
  const wanted = isObject(preconditions) ? preconditions : {};
  if (dryRun !== undefined && dryRun !== null && !jsonEqual(dryRun, ["All"]) && !jsonEqual(dryRun, [])) {
    throw new ApiError("Invalid", 'dryRun: Unsupported value: supported values: "All"');
  }
  return {
    preconditions: {
      ...(typeof wanted["uid"] === "string" ? { uid: wanted["uid"] } : {}),
      ...(typeof wanted["resourceVersion"] === "string" ? { resourceVersion: wanted["resourceVersion"] } : {}),
    },
    dryRun: jsonEqual(dryRun, ["All"]),
  };
}
