/** The flags of `clusterlink gateway`, in one table: the command line registers them, config.ts reads them. */
import { LOG_LEVELS } from "../telemetry/log.ts";
import {
  atLeast,
  parseImportAddress,
  parseLabel,
  parseListener,
  parseLogFormat,
  parseLogLevel,
  parseNamespace,
  parsePath,
  parseRelays,
  parseSwitch,
} from "./flag-values.ts";

export interface GatewayFlag<T> {
  /** As it is typed, for example `--peer-label`; `--no-` and the key switches off what is on by default. */
  name: `--${string}`;
  /** Name of its value in the help; absent on a switch. */
  argument?: string;
  /** Environment variable that is read when the flag is not given. Several values are separated by commas. */
  env: `CLUSTERLINK_${string}`;
  /** As it would be typed; absent where there is none or it depends on others (`defaultText` tells). */
  default?: string;
  defaultText?: string;
  /** May be given several times; every other flag's last value wins. */
  repeatable?: true;
  description: string;
  /** @throws RangeError that says what is wrong and what would be right. */
  parse(text: string): T;
}

const flag = <T>(definition: GatewayFlag<T>) => definition;

/** By the key that commander gives each value: the flag's name in camel case. */
export const GATEWAY_FLAGS = {
  listen: flag({
    name: "--listen",
    argument: "HOST:PORT",
    env: "CLUSTERLINK_LISTEN",
    default: "[::]:8443",
    description: "where other gateways reach this one",
    parse: parseListener,
  }),
  pki: flag({
    name: "--pki",
    argument: "DIR",
    env: "CLUSTERLINK_PKI",
    default: "/etc/clusterlink/pki",
    description: "folder with ca.pem, cert.pem and key.pem",
    parse: parsePath,
  }),
  ca: flag({
    name: "--ca",
    argument: "FILE",
    env: "CLUSTERLINK_CA",
    description: "the fabric's CA certificates (with --cert and --key, instead of --pki)",
    parse: parsePath,
  }),
  cert: flag({
    name: "--cert",
    argument: "FILE",
    env: "CLUSTERLINK_CERT",
    description: "the site's certificate chain",
    parse: parsePath,
  }),
  key: flag({
    name: "--key",
    argument: "FILE",
    env: "CLUSTERLINK_KEY",
    description: "the site's private key",
    parse: parsePath,
  }),
  state: flag({
    name: "--state",
    argument: "DIR",
    env: "CLUSTERLINK_STATE",
    default: "/var/lib/clusterlink",
    description: "folder for what must survive a restart; one gateway a folder",
    parse: parsePath,
  }),
  manifests: flag({
    name: "--manifests",
    argument: "DIR",
    env: "CLUSTERLINK_MANIFESTS",
    description: "folder of YAML files that are applied at start and whenever they change",
    parse: parsePath,
  }),
  kubernetes: flag({
    name: "--kubernetes",
    env: "CLUSTERLINK_KUBERNETES",
    default: "false",
    description:
      "serve the Kubernetes cluster that this runs in, or that --kubeconfig names, instead of a site of its own",
    parse: parseSwitch,
  }),
  kubeconfig: flag({
    name: "--kubeconfig",
    argument: "FILE",
    env: "CLUSTERLINK_KUBECONFIG",
    defaultText: "KUBECONFIG, ~/.kube/config, or the pod's service account",
    description: "with --kubernetes: where the cluster's API server is, and who asks it",
    parse: parsePath,
  }),
  context: flag({
    name: "--context",
    argument: "NAME",
    env: "CLUSTERLINK_CONTEXT",
    defaultText: "the current one",
    description: "with --kubernetes: the context of the kubeconfig",
    parse: parsePath,
  }),
  watchNamespace: flag({
    name: "--watch-namespace",
    argument: "NAME",
    env: "CLUSTERLINK_WATCH_NAMESPACE",
    defaultText: "all namespaces",
    description: "with --kubernetes: the only namespace whose Imports, Exports and AccessPolicies count",
    parse: parseNamespace,
  }),
  privilegedPolicies: flag({
    name: "--no-privileged-policies",
    env: "CLUSTERLINK_PRIVILEGED_POLICIES",
    default: "true",
    description: "with --watch-namespace: do without PrivilegedAccessPolicies, which only cluster-wide rights can read",
    parse: parseSwitch,
  }),
  namespace: flag({
    name: "--namespace",
    argument: "NAME",
    env: "CLUSTERLINK_NAMESPACE",
    default: "clusterlink-system",
    description: "the gateway's own namespace, where its Peers are",
    parse: parseNamespace,
  }),
  peerLabel: flag({
    name: "--peer-label",
    argument: "KEY=VALUE",
    env: "CLUSTERLINK_PEER_LABEL",
    repeatable: true,
    description: "a label of this site that policies on either side can select by",
    parse: parseLabel,
  }),
  relays: flag({
    name: "--relays",
    argument: "N",
    env: "CLUSTERLINK_RELAYS",
    defaultText: "the number of cores, at most 4",
    description: "relay processes",
    parse: parseRelays,
  }),
  importAddress: flag({
    name: "--import-address",
    argument: "ADDR",
    env: "CLUSTERLINK_IMPORT_ADDRESS",
    default: "[::]",
    description: "address that imported services listen on",
    parse: parseImportAddress,
  }),
  apiSocket: flag({
    name: "--api-socket",
    argument: "PATH",
    env: "CLUSTERLINK_API_SOCKET",
    defaultText: "STATE/api.sock",
    description: "unix socket of the control API",
    parse: parsePath,
  }),
  apiListen: flag({
    name: "--api-listen",
    argument: "HOST:PORT",
    env: "CLUSTERLINK_API_LISTEN",
    description: "serve the control API over HTTPS too; every request needs a token",
    parse: parseListener,
  }),
  exposeApi: flag({
    name: "--expose-api",
    env: "CLUSTERLINK_EXPOSE_API",
    default: "false",
    description: "serve the control API through the peer port too; every request needs a token",
    parse: parseSwitch,
  }),
  grace: flag({
    name: "--grace",
    argument: "DURATION",
    env: "CLUSTERLINK_GRACE",
    default: "25s",
    description: "how long live connections may go on after SIGTERM",
    parse: atLeast(0),
  }),
  drainDelay: flag({
    name: "--drain-delay",
    argument: "DURATION",
    env: "CLUSTERLINK_DRAIN_DELAY",
    default: "0s",
    description: "how long to go on accepting after SIGTERM, while not ready",
    parse: atLeast(0),
  }),
  handshakeTimeout: flag({
    name: "--handshake-timeout",
    argument: "DURATION",
    env: "CLUSTERLINK_HANDSHAKE_TIMEOUT",
    default: "5s",
    description: "limit for a TLS handshake and for a HELLO, each",
    parse: atLeast(10),
  }),
  openTimeout: flag({
    name: "--open-timeout",
    argument: "DURATION",
    env: "CLUSTERLINK_OPEN_TIMEOUT",
    default: "10s",
    description: "limit for the answer of a peer to the opening of a connection",
    parse: atLeast(10),
  }),
  dialTimeout: flag({
    name: "--dial-timeout",
    argument: "DURATION",
    env: "CLUSTERLINK_DIAL_TIMEOUT",
    default: "5s",
    description: "limit for a TCP connection to an exported service or a gateway",
    parse: atLeast(10),
  }),
  identityMaxAge: flag({
    name: "--identity-max-age",
    argument: "DURATION",
    env: "CLUSTERLINK_IDENTITY_MAX_AGE",
    default: "5m",
    description: "how long client identities are trusted without a working watch of pods",
    parse: atLeast(1000),
  }),
  logLevel: flag({
    name: "--log-level",
    argument: "LEVEL",
    env: "CLUSTERLINK_LOG_LEVEL",
    default: "info",
    description: `least level that is logged: ${LOG_LEVELS.join(", ")}`,
    parse: parseLogLevel,
  }),
  logFormat: flag({
    name: "--log-format",
    argument: "FORMAT",
    env: "CLUSTERLINK_LOG_FORMAT",
    default: "text",
    description: "json or text",
    parse: parseLogFormat,
  }),
} as const;

export type GatewayFlagKey = keyof typeof GATEWAY_FLAGS;
