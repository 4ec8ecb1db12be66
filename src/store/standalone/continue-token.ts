/** Where a list in pages goes on: opaque to clients, checked when it comes back. */
import { StoreError } from "../errors.ts";

export interface ContinueToken {
  /** The version that every page of the list is read at. */
  version: number;
  kind: string;
  /** The last object of the page before. */
  after: { namespace: string; name: string };
}

/** @returns the token as text for URLs. */
export function encodeToken(token: ContinueToken): string {
  const { version, kind, after } = token;
  return Buffer.from(JSON.stringify([1, version, kind, after.namespace, after.name])).toString("base64url");
}

/**
 * @returns the token in the text.
 * @throws {@link StoreError} `Invalid` when it is none, or one of another kind
 */
export function decodeToken(text: string, kind: string): ContinueToken {
  const parts = parse(text);
  const [format, version, ofKind, namespace, name] = parts;
  const sound =
    format === 1 &&
    ofKind === kind &&
    Number.isSafeInteger(version) &&
    typeof namespace === "string" &&
    typeof name === "string";
  if (!sound || typeof version !== "number") {
    const message = "Invalid value: the continue token is not one of this list; start the list over without it";
    throw new StoreError("Invalid", message, { faults: [{ path: "continue", type: "FieldValueInvalid", message }] });
  }
  return { version, kind, after: { namespace, name } };
}

function parse(text: string): unknown[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, "base64url").toString());
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}
