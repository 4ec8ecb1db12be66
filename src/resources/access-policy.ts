import { z } from "zod";
import { conditions } from "./conditions.ts";
import type { Condition } from "./meta.ts";
import { attributeKey, attributeValue } from "./names.ts";

const REQUIREMENT_CEL = [
  {
    rule: "!(self.operator in ['In', 'NotIn']) || (has(self.values) && self.values.size() > 0)",
    message: "operators In and NotIn need at least one value",
    fieldPath: ".values",
  },
  {
    rule: "!(self.operator in ['Exists', 'DoesNotExist']) || !has(self.values) || self.values.size() == 0",
    message: "operators Exists and DoesNotExist take no values",
    fieldPath: ".values",
  },
];

const CLOSED = { "x-clusterlink-closed": true };

const hasFields = (value: unknown): value is { operator?: unknown; values?: unknown } =>
  typeof value === "object" && value !== null;

const isListed = (operator: unknown) => operator === "In" || operator === "NotIn";
const isBare = (operator: unknown) => operator === "Exists" || operator === "DoesNotExist";

/** One requirement of a selector, as metav1.LabelSelectorRequirement has it. */
const selectorRequirement = z
  .strictObject({
    key: attributeKey.describe("The attribute, for example client.clusterlink.net/namespace."),
    operator: z
      .enum(["In", "NotIn", "Exists", "DoesNotExist"])
      .describe("How the attribute relates to the values: In, NotIn, Exists or DoesNotExist."),
    values: z
      .array(attributeValue)
      .max(256)
      .optional()
      .describe("Needed with In and NotIn, forbidden with Exists and DoesNotExist."),
  })
  .refine(({ operator, values }) => !isListed(operator) || (Array.isArray(values) && values.length > 0), {
    path: ["values"],
    when: ({ value }) => hasFields(value),
    params: { type: "FieldValueRequired" },
    error: "must have at least one value when `operator` is 'In' or 'NotIn'",
  })
  .refine(({ operator, values }) => !isBare(operator) || values === undefined || values.length === 0, {
    path: ["values"],
    when: ({ value }) => hasFields(value),
    params: { type: "FieldValueForbidden" },
    error: "may not be given when `operator` is 'Exists' or 'DoesNotExist'",
  })
  .meta({ ...CLOSED, "x-kubernetes-validations": REQUIREMENT_CEL });

/** zod leaves this key out of a record without a word, and a selector without one of its labels would match more. */
const refusePrototype = z.transform((labels: unknown, { issues }) => {
  if (typeof labels === "object" && labels !== null && Object.hasOwn(labels, "__proto__"))
    issues.push({
      code: "custom",
      input: labels,
      path: ["__proto__"],
      message: '"__proto__" is no key of an attribute',
    });
  return labels;
});

/** metav1.LabelSelector over connection attributes; empty matches everything. */
export const workloadSelector = z
  .strictObject({
    matchLabels: refusePrototype
      .pipe(z.record(attributeKey, attributeValue))
      .optional()
      .describe("Attributes that must have exactly these values; all of them must match."),
    matchExpressions: z
      .array(selectorRequirement)
      .max(64)
      .optional()
      .describe("Requirements on attributes; all of them must match."),
  })
  .meta(CLOSED);

const workloadSelectorItem = z
  .strictObject({
    workloadSelector: workloadSelector.describe(
      "Selects by connection attributes; an empty selector matches everything.",
    ),
  })
  .meta({
    ...CLOSED,
    "x-clusterlink-refused": { workloadSets: "workload sets are not supported; select by `workloadSelector` instead" },
  });

export const accessPolicySpec = z.strictObject({
  action: z.enum(["allow", "deny"]).describe("What happens to connections that match: allow or deny."),
  from: z
    .array(workloadSelectorItem)
    .min(1)
    .max(256)
    .describe("The clients that the policy is about; one matching element is enough."),
  to: z
    .array(workloadSelectorItem)
    .min(1)
    .max(256)
    .describe("The services that the policy is about; one matching element is enough."),
});

export type SelectorRequirement = z.infer<typeof selectorRequirement>;
export type WorkloadSelector = z.infer<typeof workloadSelector>;
export type AccessPolicySpec = z.infer<typeof accessPolicySpec>;

export interface PolicyStatus {
  /** `PolicyValid`. */
  conditions?: Condition[];
}

export const policyStatus = z.strictObject({ conditions: conditions("PolicyValid") });
