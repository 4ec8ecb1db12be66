import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { GatewayAddress } from "../snapshot/tables.ts";
import type { LogLevel } from "../telemetry/log.ts";
import { GATEWAY_FLAGS, type GatewayFlag, type GatewayFlagKey } from "./flags.ts";

export { GATEWAY_FLAGS, type GatewayFlag, type GatewayFlagKey } from "./flags.ts";

/** What a gateway runs with. JSON, so that it can be handed to the child processes. Durations are milliseconds. */
export interface GatewayConfig {
  listen: GatewayAddress;
  pki: { ca: string; cert: string; key: string };
  state: string;
  manifests?: string;
  /** Absent on a site without Kubernetes. */
  kubernetes?: KubernetesConfig;
  namespace: string;
  peerLabels: Record<string, string>;
  relays: number;
  importAddress: string;
  apiSocket: string;
  apiListen?: GatewayAddress;
  exposeApi: boolean;
  grace: number;
  drainDelay: number;
  handshakeTimeout: number;
  openTimeout: number;
  dialTimeout: number;
  identityMaxAge: number;
  logLevel: LogLevel;
  logFormat: "json" | "text";
}

/** How a gateway is joined to a Kubernetes cluster. */
export interface KubernetesConfig {
  /** Absent: what kubectl would use, or the pod's service account. */
  kubeconfig?: string;
  context?: string;
  /** Absent: all namespaces. */
  watchNamespace?: string;
  /** Whether PrivilegedAccessPolicies are read and obeyed. */
  privilegedPolicies: boolean;
}

/** Values as commander gives them: by camel-case key, absent when not given. */
export type FlagValues = { [K in GatewayFlagKey]?: string | string[] | boolean | undefined };

/** Everything that is wrong with a configuration, one line a fault. */
export class ConfigError extends Error {
  readonly code = "ERR_CONFIG";
  constructor(readonly faults: readonly string[]) {
    super(faults.join("\n"));
    this.name = "ConfigError";
  }
}

/** The kernel's limit for the path of a unix socket (sun_path less its final zero). */
const SOCKET_PATH_BYTES = 107;

type Origin = "flag" | "env" | "default" | "none";
type Given = { text: string[]; origin: Origin; shown: string };
type Parsed = { [K in GatewayFlagKey]: ReturnType<(typeof GATEWAY_FLAGS)[K]["parse"]>[] };

/**
 * Reads the configuration of a gateway: a flag outranks its variable, which outranks the default. An empty variable
 * counts as absent.
 *
 * @throws ConfigError with every fault at once, each naming its flag or variable and the remedy.
 */
export function parseGatewayConfig(flags: FlagValues, env: Record<string, string | undefined>): GatewayConfig {
  const faults: string[] = [];
  const origins: Partial<Record<GatewayFlagKey, Origin>> = {};
  const read = <K extends GatewayFlagKey>(key: K): Parsed[K] => {
    const definition: GatewayFlag<unknown> = GATEWAY_FLAGS[key];
    const given = find(definition, flags[key], env);
    origins[key] = given.origin;
    const values: unknown[] = [];
    for (const text of given.text) {
      try {
        if (text === "") throw new RangeError("is empty; give it a value or leave it out");
        values.push(definition.parse(text));
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        faults.push(`${given.shown}: ${error.message}`);
      }
    }
    return values as Parsed[K];
  };
  const last = <K extends GatewayFlagKey>(key: K) => read(key).at(-1) as Parsed[K][number] | undefined;

  const state = last("state") ?? "";
  const listen = last("listen");
  const apiListen = last("apiListen");
  const manifests = last("manifests");
  const kubernetes = kubernetesConfig(
    {
      kubernetes: last("kubernetes") ?? false,
      kubeconfig: last("kubeconfig"),
      context: last("context"),
      watchNamespace: last("watchNamespace"),
      privilegedPolicies: last("privilegedPolicies") ?? true,
      manifests,
    },
    faults,
  );
  const pki = pkiFiles({ pki: last("pki"), ca: last("ca"), cert: last("cert"), key: last("key") }, origins, faults);
  const config = {
    listen,
    pki,
    state,
    ...(manifests === undefined ? {} : { manifests }),
    ...(kubernetes === undefined ? {} : { kubernetes }),
    namespace: last("namespace"),
    peerLabels: Object.fromEntries(read("peerLabel")),
    relays: last("relays") ?? Math.min(4, availableParallelism()),
    importAddress: last("importAddress"),
    apiSocket: last("apiSocket") ?? join(state, "api.sock"),
    ...(apiListen === undefined ? {} : { apiListen }),
    exposeApi: last("exposeApi"),
    grace: last("grace"),
    drainDelay: last("drainDelay"),
    handshakeTimeout: last("handshakeTimeout"),
    openTimeout: last("openTimeout"),
    dialTimeout: last("dialTimeout"),
    identityMaxAge: last("identityMaxAge"),
    logLevel: last("logLevel"),
    logFormat: last("logFormat"),
  };

  if (listen && apiListen && listen.port === apiListen.port) {
    faults.push(`--api-listen: port ${apiListen.port} is the peer port (--listen) already; choose another`);
  }
  if (Buffer.byteLength(config.apiSocket) > SOCKET_PATH_BYTES) {
    faults.push(`--api-socket: "${config.apiSocket}" is longer than ${SOCKET_PATH_BYTES} bytes; choose a shorter path`);
  }
  if (Buffer.byteLength(exposedSocketPath(state)) > SOCKET_PATH_BYTES) {
    faults.push(`--state: "${state}" is too long for the sockets in it; choose a path of at most 90 bytes`);
  }
  if (faults.length > 0) throw new ConfigError(faults);
  return config as GatewayConfig;
}

/** @returns the private folder of the sockets between the gateway's own processes. */
function runtimeDir(state: string): string {
  return join(state, "run");
}

/** @returns the socket that relays reach control by. */
export function channelSocketPath(state: string): string {
  return join(runtimeDir(state), "relay.sock");
}

/** @returns the socket that takes the API requests which come through the peer port. */
export function exposedSocketPath(state: string): string {
  return join(runtimeDir(state), "api.sock");
}

function find(
  definition: GatewayFlag<unknown>,
  given: string | string[] | boolean | undefined,
  env: Record<string, string | undefined>,
): Given {
  if (given !== undefined) {
    const text = [given].flat().map(String);
    return { text: definition.repeatable ? text : text.slice(-1), origin: "flag", shown: definition.name };
  }
  const variable = env[definition.env];
  if (variable !== undefined && variable !== "") {
    const text = definition.repeatable ? variable.split(",").map((item) => item.trim()) : [variable];
    return { text, origin: "env", shown: `${definition.env} (${definition.name})` };
  }
  if (definition.default !== undefined)
    return { text: [definition.default], origin: "default", shown: definition.name };
  return { text: [], origin: "none", shown: definition.name };
}

interface KubernetesValues {
  kubernetes: boolean;
  kubeconfig: string | undefined;
  context: string | undefined;
  watchNamespace: string | undefined;
  privilegedPolicies: boolean;
  manifests: string | undefined;
}

function kubernetesConfig(values: KubernetesValues, faults: string[]): KubernetesConfig | undefined {
  const { kubernetes, kubeconfig, context, watchNamespace, privilegedPolicies, manifests } = values;
  if (!kubernetes) {
    const given = {
      "--kubeconfig": kubeconfig,
      "--context": context,
      "--watch-namespace": watchNamespace,
      "--no-privileged-policies": privilegedPolicies ? undefined : true,
    };
    for (const [name, value] of Object.entries(given)) {
      if (value !== undefined) faults.push(`${name}: needs --kubernetes; give that too, or leave ${name} out`);
    }
    return undefined;
  }
  if (manifests !== undefined) {
    faults.push("--manifests: excludes --kubernetes, where the cluster's API server has the resources; leave one out");
  }
  if (!privilegedPolicies && watchNamespace === undefined) {
    faults.push(
      "--no-privileged-policies: needs --watch-namespace; a gateway of a whole cluster obeys its administrators' policies",
    );
  }
  return {
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    ...(context === undefined ? {} : { context }),
    ...(watchNamespace === undefined ? {} : { watchNamespace }),
    privilegedPolicies,
  };
}

const RANK: Record<Origin, number> = { flag: 3, env: 2, default: 1, none: 0 };

function pkiFiles(
  values: { [K in "pki" | "ca" | "cert" | "key"]: string | undefined },
  origins: Partial<Record<GatewayFlagKey, Origin>>,
  faults: string[],
): GatewayConfig["pki"] {
  const rank = (key: "pki" | "ca" | "cert" | "key") => RANK[origins[key] ?? "none"];
  const single = Math.max(rank("ca"), rank("cert"), rank("key"));
  const folder = values.pki ?? "";
  if (single < rank("pki")) {
    return { ca: join(folder, "ca.pem"), cert: join(folder, "cert.pem"), key: join(folder, "key.pem") };
  }
  if (single === rank("pki")) faults.push("--pki: excludes --ca, --cert and --key; give the folder or the three files");
  for (const key of ["ca", "cert", "key"] as const) {
    if (values[key] === undefined) {
      faults.push(
        `--${key}: is missing; give all of --ca, --cert and --key, or --pki with a folder that has the three`,
      );
    }
  }
  return { ca: values.ca ?? "", cert: values.cert ?? "", key: values.key ?? "" };
}
