import { z } from "zod";
import type { Condition } from "./meta.ts";
import { dnsSubdomain } from "./names.ts";

/** Says who the clients of some addresses are, on sites without Kubernetes. */
export const workloadSpec = z.strictObject({
  cidrs: z.array(z.string()).min(1),
  serviceAccount: dnsSubdomain.optional(),
});

export type WorkloadSpec = z.infer<typeof workloadSpec>;

export interface WorkloadStatus {
  /** `WorkloadValid`. */
  conditions?: Condition[];
}
