/** What is wrong with an object, field by field, in the words of the Kubernetes API (`field.Error`). */

/** Reasons of `metav1.StatusCause`; `FieldValueUnknown` is a field that the kind does not have. */
export type FaultType =
  | "FieldValueRequired"
  | "FieldValueInvalid"
  | "FieldValueTypeInvalid"
  | "FieldValueNotSupported"
  | "FieldValueForbidden"
  | "FieldValueDuplicate"
  | "FieldValueTooLong"
  | "FieldValueTooMany"
  | "FieldValueUnknown";

/** One fault. `message` names the value and the remedy, but not the path. */
export interface Fault {
  /** For example `spec.sources[0].peer`; empty for the object as a whole. */
  path: string;
  type: FaultType;
  message: string;
}

/** @returns the faults in one line, each with its path: `spec.port: Required value: …, metadata.name: …`. */
export function formatFaults(faults: readonly Fault[]): string {
  return faults.map((fault) => (fault.path === "" ? fault.message : `${fault.path}: ${fault.message}`)).join(", ");
}

/** @returns a path written as Kubernetes writes it: `["spec", "from", 0, "a.b/c"]` is `spec.from[0][a.b/c]`. */
export function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part !== "string") return `${text}[${String(part)}]`;
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(part)) return `${text}[${part}]`;
    return text === "" ? part : `${text}.${part}`;
  }, "");
}
