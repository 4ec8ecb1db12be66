/** Which site a command talks to: its options, its variables and the default socket. */
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { SYSTEM_NAMESPACE } from "../deploy/options.ts";
import type { ClusterOptions } from "./cluster.ts";
import type { ClusterSend } from "./cluster-server.ts";
import { CliError } from "./errors.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Where a gateway serves its control API unless told otherwise. */
const DEFAULT_SERVER = "unix:/var/lib/clusterlink/api.sock";

/** The address of the cluster that kubectl would use. */
const KUBERNETES = "kubernetes";

export interface ServerOptions extends ClusterOptions {
  server?: string;
  token?: string;
  ca?: string;
  tlsServerName?: string;
  gatewayNamespace?: string;
}

/** How to reach the control API of a site. */
export type ServerTarget =
  | { kind: "unix"; path: string; token?: string }
  | { kind: "cluster"; namespace: string; send: ClusterSend }
  | { kind: "https"; url: string; token?: string; ca?: string; serverName?: string };

/** Adds `--server` and what belongs to it to a command. */
export function addServerOptions(command: Command): Command {
  return command
    .option(
      "--server <address>",
      `unix:PATH, https://HOST:PORT or kubernetes (CLUSTERLINK_SERVER; default ${DEFAULT_SERVER})`,
    )
    .option(
      "--token <token>",
      "token for an https server; other users see it here, but not in the variable (CLUSTERLINK_TOKEN)",
    )
    .option("--ca <file>", "CA that the server's certificate is verified with: the fabric's cert.pem (CLUSTERLINK_CA)")
    .option(
      "--tls-server-name <name>",
      "the site's name in that certificate, for example 'berlin' (CLUSTERLINK_TLS_SERVER_NAME)",
    )
    .option("--kubeconfig <file>", "ask a cluster, through its API server; the same as --server kubernetes")
    .option("--context <name>", "a context of the kubeconfig (default: its current one)")
    .option("--gateway-namespace <name>", `where the cluster's gateway is (default: ${SYSTEM_NAMESPACE})`);
}

/** @returns the socket of a gateway that is started with these variables: a probe beside it sees the same ones. */
function defaultServer({ CLUSTERLINK_API_SOCKET: socket, CLUSTERLINK_STATE: state }: Environment): string {
  if (socket) return `unix:${socket}`;
  return state ? `unix:${join(state, "api.sock")}` : DEFAULT_SERVER;
}

/**
 * Finds the server: options outrank variables, which outrank the socket of the gateway beside it.
 *
 * Throws a usage error when the address is neither `unix:PATH` nor `https://HOST[:PORT]`, or the CA is unreadable.
 */
export function resolveServer(options: ServerOptions, environment: Environment): ServerTarget {
  const setting = (option: string | undefined, variable: string) => option ?? (environment[variable] || undefined);
  const asksCluster = options.kubeconfig !== undefined || options.context !== undefined;
  if (asksCluster && options.server !== undefined && options.server !== KUBERNETES) {
    throw new CliError("usage", "--server excludes --kubeconfig and --context: name either a site or a cluster");
  }
  const named = asksCluster ? KUBERNETES : setting(options.server, "CLUSTERLINK_SERVER");
  const address = named ?? defaultServer(environment);
  if (address === KUBERNETES) {
    const namespace = options.gatewayNamespace ?? SYSTEM_NAMESPACE;
    return { kind: "cluster", namespace, send: lazySender({ ...options, gatewayNamespace: namespace }) };
  }
  const token = setting(options.token, "CLUSTERLINK_TOKEN");
  const withToken = token === undefined ? {} : { token };
  if (address.startsWith("unix:")) {
    if (address === "unix:") throw wrongAddress(address, "names no file");
    const path = resolve(address.slice("unix:".length).replace(/^\/\/(?=\/)/, ""));
    return { kind: "unix", path, ...withToken };
  }
  const ca = setting(options.ca, "CLUSTERLINK_CA");
  const serverName = setting(options.tlsServerName, "CLUSTERLINK_TLS_SERVER_NAME");
  return {
    kind: "https",
    url: httpsOrigin(address),
    ...withToken,
    ...(ca === undefined ? {} : { ca: readCa(ca) }),
    ...(serverName === undefined ? {} : { serverName }),
  };
}

/** Loads what a cluster needs only when one is asked. */
function lazySender(options: ClusterOptions & { gatewayNamespace: string }): ClusterSend {
  let sender: Promise<ClusterSend> | undefined;
  return async (url, request) => {
    sender ??= import("./cluster-server.ts").then(({ clusterSender }) => clusterSender(options));
    return (await sender)(url, request);
  };
}

/**
 * @returns the origin of an https address, for example `https://gw.example:8443`.
 * Throws a usage error for anything else.
 */
export function httpsOrigin(address: string): string {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  const wrong = (why: string) => wrongAddress(address, why);
  if (url?.protocol === "http:") throw wrong("is plain HTTP, which the control API does not speak");
  if (url?.protocol !== "https:") throw wrong("is no address of a gateway");
  if (url.pathname !== "/" || url.search !== "" || url.username !== "") throw wrong("has more than a host and a port");
  return url.origin;
}

function wrongAddress(address: string, why: string): CliError {
  return new CliError(
    "usage",
    `--server '${address}' ${why}: use unix:PATH (a gateway's api.sock), https://HOST:PORT or kubernetes`,
  );
}

function readCa(file: string): string {
  const wrong = (why: string, cause: unknown) =>
    new CliError("usage", `--ca '${file}' ${why}: name the fabric's cert.pem`, { cause });
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw wrong(`cannot be read (${errorCode(cause)})`, cause);
  }
  try {
    new X509Certificate(text);
  } catch (cause) {
    throw wrong("has no PEM certificate", cause);
  }
  return text;
}

/** @returns what the system calls this failure, for example `ENOENT`, or its message. */
export function errorCode(error: unknown): string {
  if (error instanceof Error && "code" in error && typeof error.code === "string") return error.code;
  return error instanceof Error ? error.message : String(error);
}
