import { z } from "zod";
import { labelKey, labelValue } from "./names.ts";

/** One requirement of a selector, as metav1.LabelSelectorRequirement has it. */
export const selectorRequirement = z.strictObject({
  key: z.string().min(1),
  operator: z.enum(["In", "NotIn", "Exists", "DoesNotExist"]),
  values: z.array(z.string()).optional(),
});

/** metav1.LabelSelector over connection attributes; empty matches everything. */
export const workloadSelector = z.strictObject({
  matchLabels: z.record(labelKey, labelValue).optional(),
  matchExpressions: z.array(selectorRequirement).optional(),
});

const workloadSelectorItem = z.strictObject({ workloadSelector });

export const accessPolicySpec = z.strictObject({
  action: z.enum(["allow", "deny"]),
  from: z.array(workloadSelectorItem).min(1),
  to: z.array(workloadSelectorItem).min(1),
});

export type SelectorRequirement = z.infer<typeof selectorRequirement>;
export type WorkloadSelector = z.infer<typeof workloadSelector>;
export type AccessPolicySpec = z.infer<typeof accessPolicySpec>;
