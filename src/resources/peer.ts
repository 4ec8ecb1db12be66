import { z } from "zod";
import type { Condition } from "./meta.ts";
import { port } from "./names.ts";

export const gatewayEndpoint = z.strictObject({
  /** An IP address or a DNS name, without brackets. */
  host: z.string().min(1).max(253),
  port,
});

export const peerSpec = z.strictObject({
  gateways: z.array(gatewayEndpoint).min(1),
});

export type PeerSpec = z.infer<typeof peerSpec>;

export interface PeerStatus {
  /** As the peer reports its own. */
  labels?: Record<string, string>;
  /** `PeerReachable`. */
  conditions?: Condition[];
}
