import { z } from "zod";
import { conditions } from "./conditions.ts";
import type { Condition } from "./meta.ts";
import { host, port } from "./names.ts";

const gatewayEndpoint = z.strictObject({
  host: host.describe("The gateway's IP address (without brackets) or DNS name."),
  port: port.describe("The gateway's TCP port."),
});

export const peerSpec = z.strictObject({
  gateways: z.array(gatewayEndpoint).min(1).max(64).describe("Where the peer's gateways are reached."),
});

export type PeerSpec = z.infer<typeof peerSpec>;

export interface PeerStatus {
  /** As the peer reports its own. */
  labels?: Record<string, string>;
  /** `PeerReachable`. */
  conditions?: Condition[];
}

export const peerStatus = z.strictObject({
  labels: z.record(z.string(), z.string()).optional().describe("The peer's labels, as it reports them."),
  conditions: conditions("PeerReachable"),
});
