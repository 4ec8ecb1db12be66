import type { JsonObject } from "./json.ts";
import { type Resource, resourceName } from "./resources.ts";

/** What the server answers instead of an object: a `metav1.Status`. */
export class Failure extends Error {
  constructor(
    readonly code: number,
    readonly reason: string,
    message: string,
    readonly details: JsonObject = {},
    readonly headers: Record<string, string> = {},
  ) {
    super(message);
  }

  toStatus(): JsonObject {
    const { code, reason, message, details } = this;
    return { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message, reason, details, code };
  }
}

const about = ({ group, plural }: Resource, name: string): JsonObject => ({
  name,
  ...(group === "" ? {} : { group }),
  kind: plural,
});

export const notFound = (resource: Resource, name: string) =>
  new Failure(404, "NotFound", `${resourceName(resource)} "${name}" not found`, about(resource, name));

export const alreadyExists = (resource: Resource, name: string) =>
  new Failure(409, "AlreadyExists", `${resourceName(resource)} "${name}" already exists`, about(resource, name));

export const conflict = (resource: Resource, name: string, why: string) =>
  new Failure(
    409,
    "Conflict",
    `Operation cannot be fulfilled on ${resourceName(resource)} "${name}": ${why}`,
    about(resource, name),
  );

export const expired = (message: string) => new Failure(410, "Expired", message);

export const badRequest = (message: string) => new Failure(400, "BadRequest", message);

export interface Cause {
  field: string;
  reason: string;
  message: string;
}

export function invalid(resource: Resource, name: string, causes: Cause[]): Failure {
  const { kind, group } = resource;
  const text = causes.map(({ field, message }) => `${field}: ${message}`).join(", ");
  const qualified = group === "" ? kind : `${kind}.${group}`;
  const message = `${qualified} "${name}" is invalid: ${causes.length > 1 ? `[${text}]` : text}`;
  const details = { name, ...(group === "" ? {} : { group }), kind, causes: causes.map((cause) => ({ ...cause })) };
  return new Failure(422, "Invalid", message, details);
}
