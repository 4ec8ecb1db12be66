/** The answers of the endpoints that are not Kubernetes', as zod schemas: they make the OpenAPI document. */
import { z } from "@hono/zod-openapi";
import type { ConnectionReport } from "../snapshot/messages.ts";
import type { Explanation, SiteStatus } from "../snapshot/status.ts";
import { SCOPES } from "./tokens.ts";

const texts = z.record(z.string(), z.string());
const gateway = z.object({ host: z.string(), port: z.int() });
const time = z.string().openapi({ format: "date-time" });

const relay = z.object({
  index: z.int(),
  pid: z.int(),
  lag: z.int().openapi({ description: "Deltas that it is behind; 0 is up to date." }),
  failedListeners: z.array(z.object({ key: z.string(), port: z.int(), code: z.string(), message: z.string() })),
});

const peer = z.object({
  name: z.string(),
  reachable: z.boolean(),
  gateways: z.array(gateway.extend({ reachable: z.boolean(), lastError: z.string().exactOptional() })),
  labels: texts.exactOptional(),
});

const certificate = z.object({
  role: z.enum(["site", "ca"]),
  subject: z.string(),
  notAfter: time,
  daysLeft: z.number(),
});

const doors = z.object({ listen: gateway.exactOptional(), exposed: gateway.exactOptional(), ca: z.string() });

export const siteStatusSchema = z
  .object({
    name: z.string(),
    namespace: z.string().exactOptional(),
    version: z.string(),
    startedAt: time,
    labels: texts,
    ready: z.boolean(),
    notReady: z.array(z.string()).openapi({ description: "Why it is not ready; empty when it is." }),
    snapshot: z.object({ epoch: z.string(), n: z.int() }),
    relays: z.array(relay),
    peers: z.array(peer),
    certificates: z.array(certificate),
    problems: z.array(z.string()).openapi({ description: "What stays wrong until somebody acts." }),
    connections: z.int(),
    api: doors.exactOptional(),
  })
  .openapi("SiteStatus") satisfies z.ZodType<SiteStatus>;

const connection = z
  .object({
    id: z.string(),
    side: z.enum(["client", "server"]),
    import: z.string().exactOptional(),
    export: z.string().exactOptional(),
    peer: z.string(),
    client: z.string().exactOptional(),
    attributes: texts,
    policy: z.string(),
    since: z.number().openapi({ description: "Milliseconds since the epoch." }),
    bytesIn: z.number(),
    bytesOut: z.number(),
  })
  .openapi("Connection") satisfies z.ZodType<ConnectionReport>;

export const connectionsSchema = z.object({ connections: z.array(connection) }).openapi("Connections");

const matched = z.enum(["match", "no-match", "unknown"]);

const considered = z.object({
  policy: z.string(),
  tier: z.enum(["privileged", "regular"]),
  action: z.enum(["allow", "deny"]),
  from: matched,
  to: matched,
  decisive: z.boolean(),
});

const candidate = z.object({
  to: texts,
  source: z.object({ peer: z.string(), exportName: z.string(), exportNamespace: z.string() }).exactOptional(),
  reason: z.string(),
  allowed: z.boolean(),
  decidedBy: z.string(),
  considered: z.array(considered),
});

export const explanationSchema = z
  .object({
    allowed: z.boolean(),
    decidedBy: z.string(),
    summary: z.string(),
    from: texts,
    unknown: z.array(z.string()),
    candidates: z.array(candidate),
  })
  .openapi("Explanation") satisfies z.ZodType<Explanation>;

export const tokenRequestSchema = z
  .strictObject({
    scope: z.enum(SCOPES),
    ttl: z.int().min(1).optional().openapi({ description: "Seconds until it expires. Default: a year." }),
  })
  .openapi("TokenRequest");

export const issuedTokenSchema = z
  .object({ token: z.string(), scope: z.enum(SCOPES), expiresAt: time })
  .openapi("IssuedToken");

export const readinessSchema = z.object({ ready: z.boolean(), reasons: z.array(z.string()) }).openapi("Readiness");

export const failureSchema = z
  .object({
    kind: z.literal("Status"),
    apiVersion: z.literal("v1"),
    status: z.literal("Failure"),
    message: z.string(),
    reason: z.string(),
    code: z.int(),
  })
  .openapi("Failure", { description: "A metav1.Status, as Kubernetes has it." });
