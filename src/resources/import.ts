import { z } from "zod";
import { conditions } from "./conditions.ts";
import { type Condition, MERGE_LABEL } from "./meta.ts";
import { dnsLabel, dnsSubdomain, port } from "./names.ts";

export const lbScheme = z.enum(["round-robin", "random", "static", "least-connections"]);

const importSource = z.strictObject({
  peer: dnsSubdomain.describe("The name of the Peer that exports the service."),
  exportName: dnsSubdomain.describe("The name of the Export at the peer."),
  exportNamespace: dnsLabel.describe("The namespace of the Export at the peer."),
});

export const importSpec = z.strictObject({
  port: port.describe("The TCP port of the imported service."),
  targetPort: port
    .optional()
    .describe("The port that the gateway listens on for this Import. The default is one that the gateway chooses."),
  sources: z.array(importSource).max(256).describe("The exports that serve this Import."),
  lbScheme: lbScheme
    .default("round-robin")
    .describe(
      "How a source is chosen for a connection: round-robin, random, static (the first that works) or least-connections.",
    ),
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

export const importStatus = z.strictObject({
  targetPort: port.optional().describe("The port that the gateway listens on for this Import."),
  conditions: conditions("ImportTargetPortValid", "ImportServiceValid"),
});

/** @returns whether the Import merges into an existing Service of its name: label {@link MERGE_LABEL} is `"true"`. */
export function isMerged(object: { metadata: { labels?: Record<string, string> } }): boolean {
  return object.metadata.labels?.[MERGE_LABEL] === "true";
}
