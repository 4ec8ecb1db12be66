import { z } from "zod";
import { conditionMap, conditions } from "./conditions.ts";
import type { Condition } from "./meta.ts";
import { dnsLabel, labelKey, labelValue, port } from "./names.ts";

const dataplane = z.strictObject({
  type: z
    .enum(["envoy", "go"])
    .default("envoy")
    .describe("Accepted for ClusterLink's manifests; there is one kind of data plane here."),
  replicas: z.int().min(1).max(10).default(1).meta({ format: "int32" }).describe("How many gateway pods there are."),
});

const ingress = z.strictObject({
  type: z
    .enum(["none", "LoadBalancer", "NodePort"])
    .default("none")
    .describe("The type of the Service by which peers reach the gateway; none keeps it within the cluster."),
  port: port
    .optional()
    .describe("The port that peers dial. The default is 443; with NodePort it is one that Kubernetes allots."),
  annotations: z
    .record(labelKey, z.string())
    .optional()
    .describe("Annotations of the Service, for what a cloud's load balancers want to know."),
});

const imageTag = z
  .string()
  .max(128)
  .regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/, "an image tag consists of letters, digits, '_', '.' and '-'");

/** What `tag` is when nobody says. */
export const DEFAULT_TAG = "latest";

const TAG_CEL = {
  rule: `!has(self.imageTag) || self.tag == '${DEFAULT_TAG}' || self.tag == self.imageTag`,
  message: "imageTag is the former name of tag, and the two differ here; remove imageTag",
  fieldPath: ".imageTag",
};

const instanceFields = z.strictObject({
  namespace: dnsLabel.default("clusterlink-system").describe("The namespace that the gateway is deployed to."),
  dataplane: dataplane.prefault({}).describe("The gateway pods."),
  ingress: ingress.prefault({}).describe("How peers reach the gateway."),
  logLevel: z
    .enum(["trace", "debug", "info", "warn", "warning", "error", "fatal"])
    .default("info")
    .describe("The least level that is logged."),
  containerRegistry: z.string().max(255).optional().describe("The registry, with the path, that has the image."),
  tag: imageTag.default(DEFAULT_TAG).describe("The tag of the image."),
  imageTag: imageTag
    .optional()
    .describe("The former name of tag, for manifests of older versions of ClusterLink. It may not contradict tag."),
  image: z
    .string()
    .min(1)
    .max(512)
    .optional()
    .describe("The whole image, instead of REGISTRY/clusterlink:TAG of containerRegistry and tag."),
  peerLabels: z
    .record(labelKey, labelValue)
    .optional()
    .describe("Labels of the site, by which policies on both sides can select."),
});

/** A gateway that the operator deploys. */
export const instanceSpec = instanceFields
  .refine((spec) => spec.imageTag === undefined || spec.tag === DEFAULT_TAG || spec.tag === spec.imageTag, {
    path: ["imageTag"],
    error: TAG_CEL.message,
  })
  .meta({ "x-kubernetes-validations": [TAG_CEL] });

export type InstanceSpec = z.infer<typeof instanceSpec>;

/** Conditions by their type, as ClusterLink has them here. */
export interface ComponentStatus {
  conditions?: Record<string, Condition>;
}

export interface InstanceStatus {
  /** `InstanceValid`. */
  conditions?: Condition[];
  /** `DeploymentReady`. */
  controlplane?: ComponentStatus;
  /** `DeploymentReady`. */
  dataplane?: ComponentStatus;
  /** `ServiceReady`. */
  ingress?: ComponentStatus & { ip?: string; port?: number };
}

const deployment = conditionMap("DeploymentReady");

export const instanceStatus = z.strictObject({
  conditions: conditions("InstanceValid"),
  controlplane: z.strictObject({ conditions: deployment }).optional().describe("The processes that decide."),
  dataplane: z.strictObject({ conditions: deployment }).optional().describe("The processes that carry connections."),
  ingress: z
    .strictObject({
      ip: z.string().optional().describe("The address, or the name, that peers dial."),
      port: port.optional().describe("The port that peers dial."),
      conditions: conditionMap("ServiceReady"),
    })
    .optional()
    .describe("The Service for peers."),
});
