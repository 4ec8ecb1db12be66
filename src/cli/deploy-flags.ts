/** The flags of `clusterlink deploy peer`: what they mean, and everything that is wrong with them at once. */

import {
  type GatewayOptions,
  INGRESS_TYPES,
  type IngressOptions,
  imageOf,
  SYSTEM_NAMESPACE,
} from "../deploy/options.ts";
import { GATEWAY_FLAGS } from "../process/flags.ts";
import { isLabelKey } from "../resources/names.ts";
import { VERSION } from "./version-number.ts";

/** As commander gives them. */
export interface DeployFlags {
  namespace: string;
  ingress: string;
  ingressPort?: string;
  ingressAnnotations?: string[];
  replicas?: string;
  dataplaneReplicas?: string;
  dataplane?: string;
  controlplaneReplicas?: string;
  image?: string;
  containerRegistry?: string;
  tag?: string;
  label?: string[];
  logLevel: string;
}

export interface ReadFlags {
  options: GatewayOptions;
  /** What is accepted and means nothing here, for people. */
  notices: string[];
  /** Each names its flag, the value and the remedy. */
  faults: string[];
}

/** How many pods of a gateway there may be, as an Instance allows. */
const MOST_REPLICAS = 10;

/** Reads the flags. The options are of use only when there is no fault. */
export function readDeployFlags(flags: DeployFlags): ReadFlags {
  const faults: string[] = [];
  const checked = <T>(flag: string, read: () => T, otherwise: T): T => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      faults.push(`${flag}: ${error.message}`);
      return otherwise;
    }
  };
  const [replicasFlag, replicas] = flags.replicas
    ? (["--replicas", flags.replicas] as const)
    : (["--dataplane-replicas", flags.dataplaneReplicas ?? "1"] as const);
  const options: GatewayOptions = {
    namespace: checked("--namespace", () => GATEWAY_FLAGS.namespace.parse(flags.namespace), SYSTEM_NAMESPACE),
    image: checked("--image", () => imageFrom(flags), ""),
    replicas: checked(replicasFlag, () => wholeNumber(replicas, MOST_REPLICAS), 1),
    logLevel: checked("--log-level", () => logLevelFrom(flags.logLevel), "info"),
    peerLabels: Object.fromEntries(
      (flags.label ?? []).map((text) => checked("--label", () => GATEWAY_FLAGS.peerLabel.parse(text), ["", ""])),
    ),
    ingress: {
      type: checked("--ingress", () => ingressTypeFrom(flags.ingress), "none"),
      annotations: checked("--ingress-annotations", () => annotationsFrom(flags.ingressAnnotations ?? []), {}),
      ...(flags.ingressPort === undefined
        ? {}
        : { port: checked("--ingress-port", () => wholeNumber(flags.ingressPort ?? "", 65535), 1) }),
    },
  };
  return { options, notices: noticesOf(flags), faults };
}

/** @returns the text's key and value pairs, parted by commas; a comma within a value is one that no key follows. */
function annotationsFrom(texts: readonly string[]): Record<string, string> {
  const pairs = texts.flatMap((text) => text.split(/,(?=[A-Za-z0-9][A-Za-z0-9._/-]*=)/));
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf("=");
      const key = pair.slice(0, Math.max(0, at));
      if (!isLabelKey(key)) {
        throw new RangeError(`"${pair}" is not KEY=VALUE; write for example example.com/load-balancer-type=internal`);
      }
      return [key, pair.slice(at + 1)];
    }),
  );
}

function ingressTypeFrom(text: string): IngressOptions["type"] {
  const found = INGRESS_TYPES.find((type) => type.toLowerCase() === text.toLowerCase());
  if (found === undefined) throw new RangeError(`"${text}" is none of ${INGRESS_TYPES.join(", ")}`);
  return found;
}

/** ClusterLink calls the level of warnings `warning`. */
function logLevelFrom(text: string): string {
  return GATEWAY_FLAGS.logLevel.parse(text === "warning" ? "warn" : text);
}

function wholeNumber(text: string, most: number): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < 1 || number > most) {
    throw new RangeError(`"${text}" is no whole number from 1 to ${most}`);
  }
  return number;
}

/** A reference as the OCI distribution specification writes it, checked so far as a typing mistake goes. */
const IMAGE =
  /^[a-z0-9]([\w.:-]*[a-z0-9])?(\/[a-z0-9]([\w.-]*[a-z0-9])?)*(:[\w][\w.-]{0,127})?(@sha256:[0-9a-f]{64})?$/i;

function imageFrom({ image, containerRegistry, tag }: DeployFlags): string {
  if (image !== undefined && (containerRegistry !== undefined || tag !== undefined)) {
    throw new RangeError("excludes --container-registry and --tag; give the whole image, or its registry and tag");
  }
  const wanted = image ?? imageOf(containerRegistry ?? "", tag ?? VERSION);
  if (!IMAGE.test(wanted))
    throw new RangeError(`"${wanted}" is no image; write for example registry.example/clusterlink:1.0`);
  return wanted;
}

function noticesOf({ dataplane, controlplaneReplicas, replicas, dataplaneReplicas }: DeployFlags): string[] {
  const one = "a gateway has one kind of process here, which carries traffic and controls";
  return [
    ...(dataplane === undefined ? [] : [`--dataplane ${dataplane} changes nothing: ${one}`]),
    ...(controlplaneReplicas === undefined
      ? []
      : [`--controlplane-replicas ${controlplaneReplicas} changes nothing: ${one}; --replicas says how many`]),
    ...(replicas !== undefined && dataplaneReplicas !== undefined
      ? ["--dataplane-replicas means the same as --replicas, which is given too and counts"]
      : []),
  ];
}
