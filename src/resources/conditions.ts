import { z } from "zod";
import type { Condition } from "./meta.ts";
import { timestamp } from "./timestamp.ts";

/** Characters of a condition's message, as in `metav1.Condition`. */
const MAX_MESSAGE = 32_768;

const condition = z.strictObject({
  type: z.string().min(1).max(316).describe("Which condition it is."),
  status: z.enum(["True", "False", "Unknown"]).describe("True, False or Unknown."),
  observedGeneration: z
    .int()
    .min(0)
    .optional()
    .meta({ format: "int64" })
    .describe("The metadata.generation it was judged on."),
  lastTransitionTime: timestamp.describe("When its status last changed."),
  reason: z.string().min(1).max(1024).describe("Why, for programs: one CamelCase word."),
  message: z.string().max(MAX_MESSAGE).describe("Why, for people."),
});

/** @returns the schema of a status's `conditions`, a list keyed by `type`, that holds these types. */
export function conditions(...types: string[]) {
  return z
    .array(condition)
    .max(32)
    .optional()
    .meta({ "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"] })
    .describe(`What holds for the object at present: ${types.join(", ")}.`);
}

/** @returns the schema of `conditions` as a map by type, the form in which an Instance's components have them. */
export function conditionMap(...types: string[]) {
  return z
    .record(z.string(), condition)
    .optional()
    .describe(`What holds at present, by type: ${types.join(", ")}.`);
}

/**
 * Sets one condition in a list. `lastTransitionTime` moves only when `status` changes, as the Kubernetes API
 * conventions have it, so that setting what already holds gives an equal list. A message that is too long is cut.
 *
 * @param now - RFC 3339, UTC, to the second
 * @returns a new list; the order of the others stays, a new type is appended
 */
export function setCondition(
  list: readonly Condition[] | undefined,
  wanted: Omit<Condition, "lastTransitionTime">,
  now: string,
): Condition[] {
  const old = findCondition(list, wanted.type);
  const { type, status, observedGeneration, reason, message } = wanted;
  const next: Condition = {
    type,
    status,
    ...(observedGeneration === undefined ? {} : { observedGeneration }),
    lastTransitionTime: old?.status === status ? old.lastTransitionTime : now,
    reason,
    message: message.length > MAX_MESSAGE ? `${message.slice(0, MAX_MESSAGE - 3)}...` : message,
  };
  if (!old) return [...(list ?? []), next];
  return (list ?? []).map((each) => (each.type === type ? next : each));
}

/** @returns the condition of that type, if the list has it. */
export function findCondition(list: readonly Condition[] | undefined, type: string): Condition | undefined {
  return list?.find((each) => each.type === type);
}
