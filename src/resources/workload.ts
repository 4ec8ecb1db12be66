import { z } from "zod";
import { canonicalCidr } from "./address.ts";
import { conditions } from "./conditions.ts";
import type { Condition } from "./meta.ts";
import { cidr, dnsSubdomain } from "./names.ts";

/** Says who the clients of some addresses are, on sites without Kubernetes. */
export const workloadSpec = z.strictObject({
  cidrs: z
    .array(cidr)
    .min(1)
    .max(1024)
    .superRefine((cidrs, context) => {
      const seen = new Set<string>();
      for (const [i, text] of cidrs.entries()) {
        const canonical = canonicalCidr(text) ?? text;
        if (seen.has(canonical)) {
          const params = { type: "FieldValueDuplicate" };
          context.addIssue({ code: "custom", path: [i], input: text, params, message: "is listed twice" });
        }
        seen.add(canonical);
      }
    })
    .describe("The clients' addresses; of several Workloads the one with the longest prefix counts."),
  serviceAccount: dnsSubdomain.optional().describe("The clients' service account."),
});

export type WorkloadSpec = z.infer<typeof workloadSpec>;

export interface WorkloadStatus {
  /** `WorkloadValid`. */
  conditions?: Condition[];
}

export const workloadStatus = z.strictObject({ conditions: conditions("WorkloadValid") });
