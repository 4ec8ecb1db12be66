import { z } from "zod";
import { dnsLabel, dnsSubdomain, port } from "./names.ts";
import type { Condition } from "./meta.ts";

export const lbScheme = z.enum(["round-robin", "random", "static", "least-connections"]);

export const importSource = z.strictObject({
  peer: dnsSubdomain,
  exportName: dnsSubdomain,
  exportNamespace: dnsLabel,
});

export const importSpec = z.strictObject({
  port,
  targetPort: port.optional(),
  sources: z.array(importSource),
  lbScheme: lbScheme.default("round-robin"),
});

export type LbScheme = z.infer<typeof lbScheme>;
export type ImportSource = z.infer<typeof importSource>;
export type ImportSpec = z.infer<typeof importSpec>;

export interface ImportStatus {
  /** The port that the gateway listens on for this Import. */
  targetPort?: number;
  /** `ImportTargetPortValid`, `ImportServiceValid`. */
  conditions?: Condition[];
}
