/** The status of an Instance, from what is in the cluster. Pure. */
import { findCondition, setCondition } from "../resources/conditions.ts";
import type { ComponentStatus, InstanceStatus } from "../resources/instance.ts";
import type { InstanceResource } from "../resources/kinds.ts";
import type { Condition } from "../resources/meta.ts";
import type { Deployment, Service } from "../store/kubernetes/resource.ts";
import { isRolledOut, rolloutText } from "./rollout.ts";

/** What there is of an Instance's gateway. */
export interface Deployed {
  deployment: Deployment | undefined;
  service: Service | undefined;
  /** The address of a node, for an ingress of type NodePort. */
  nodeAddress: string | undefined;
  /** Why the last try to deploy it failed. */
  failure: string | undefined;
}

type Judgement = Pick<Condition, "status" | "reason" | "message">;

/** Reasons as ClusterLink's operator has them. */
const READY = "Ready";
const PROGRESSING = "ProgressingMode";
const ABSENT = "NotExist";

/** @returns the status of the Instance that is served. @param now - RFC 3339, UTC, to the second */
export function servedStatus(instance: InstanceResource, deployed: Deployed, now: string): InstanceStatus {
  const { deployment, service, failure } = deployed;
  const valid: Judgement =
    failure === undefined
      ? { status: "True", reason: "Accepted", message: `the gateway is in namespace ${instance.spec.namespace}` }
      : { status: "False", reason: "DeploymentFailed", message: failure };
  const pods = podsJudgement(deployment);
  const place = service === undefined ? {} : ingressPlace(service, deployed.nodeAddress);
  return statusOf(instance, valid, pods, serviceJudgement(service), place, now);
}

/** @returns the status of an Instance that has to wait for another. @param now - RFC 3339, UTC, to the second */
export function refusedStatus(instance: InstanceResource, served: string, now: string): InstanceStatus {
  const message = `Instance ${served} is deployed already, and there is one at a time; this one follows when that is deleted`;
  const absent = { status: "False", reason: ABSENT, message } as const;
  return statusOf(instance, { status: "False", reason: "AnotherInstance", message }, absent, absent, {}, now);
}

function statusOf(
  instance: InstanceResource,
  valid: Judgement,
  pods: Judgement,
  service: Judgement,
  place: { ip?: string; port?: number },
  now: string,
): InstanceStatus {
  const old = instance.status;
  const observedGeneration = instance.metadata.generation;
  return {
    conditions: setCondition(old?.conditions, { type: "InstanceValid", observedGeneration, ...valid }, now),
    controlplane: component(old?.controlplane, { type: "DeploymentReady", observedGeneration, ...pods }, now),
    dataplane: component(old?.dataplane, { type: "DeploymentReady", observedGeneration, ...pods }, now),
    ingress: { ...component(old?.ingress, { type: "ServiceReady", observedGeneration, ...service }, now), ...place },
  };
}

/** The one kind of pod here is both of ClusterLink's components. */
function podsJudgement(deployment: Deployment | undefined): Judgement {
  if (deployment === undefined) return { status: "False", reason: ABSENT, message: "there is no Deployment yet" };
  const message = rolloutText(deployment);
  if (isRolledOut(deployment)) return { status: "True", reason: READY, message };
  return { status: "False", reason: PROGRESSING, message };
}

function serviceJudgement(service: Service | undefined): Judgement {
  if (service === undefined) return { status: "False", reason: ABSENT, message: "there is no Service yet" };
  const balanced = service.spec?.type === "LoadBalancer";
  if (balanced && service.status?.loadBalancer?.ingress?.[0] === undefined) {
    return { status: "False", reason: PROGRESSING, message: "the load balancer has no address yet" };
  }
  return {
    status: "True",
    reason: READY,
    message: `peers reach the gateway by a Service of type ${service.spec?.type}`,
  };
}

function ingressPlace(service: Service, nodeAddress: string | undefined): { ip?: string; port?: number } {
  const [port] = service.spec?.ports ?? [];
  const [balancer] = service.status?.loadBalancer?.ingress ?? [];
  if (service.spec?.type === "NodePort") return present(nodeAddress, port?.nodePort);
  if (service.spec?.type === "LoadBalancer") return present(balancer?.ip ?? balancer?.hostname, port?.port);
  return {};
}

function present(ip: string | undefined, port: number | undefined): { ip?: string; port?: number } {
  return { ...(ip === undefined ? {} : { ip }), ...(port === undefined ? {} : { port }) };
}

function component(
  old: ComponentStatus | undefined,
  wanted: Omit<Condition, "lastTransitionTime">,
  now: string,
): { conditions: Record<string, Condition> } {
  const next = findCondition(setCondition(Object.values(old?.conditions ?? {}), wanted, now), wanted.type);
  return { conditions: next === undefined ? {} : { [wanted.type]: next } };
}
