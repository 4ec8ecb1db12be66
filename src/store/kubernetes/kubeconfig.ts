import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import type { Cluster, KubeConfig, User } from "@kubernetes/client-node";
import { type Connection, CredentialsError } from "./connection.ts";
import { ClusterConnection, TOKEN_FILE } from "./credentials.ts";

export interface ConnectionOptions {
  /** Path of a kubeconfig; else `$KUBECONFIG`, `~/.kube/config`, or the service account of the pod that this runs in. */
  kubeconfig?: string | undefined;
  /** A context of the kubeconfig; else its current one. */
  context?: string | undefined;
  /** Default: of this process. */
  env?: Record<string, string | undefined>;
  /** Default: `/var/run/secrets/kubernetes.io/serviceaccount`. */
  serviceAccountFolder?: string;
}

const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

/**
 * Finds the API server and the credentials as kubectl does. A KUBECONFIG of which no file is there is a fault: whoever set
 * it did not mean another cluster.
 * @throws CredentialsError that says what is missing and the remedy; no secret is in it
 */
export async function loadConnection(options: ConnectionOptions = {}): Promise<Connection> {
  const env = options.env ?? process.env;
  const files = kubeconfigFiles(options.kubeconfig, env);
  if (files.length > 0) return fromFiles(files, options.context, env);
  if (options.context !== undefined) {
    throw new CredentialsError(`there is no kubeconfig that could have the context "${options.context}"; name one`);
  }
  return fromServiceAccount(options.serviceAccountFolder ?? SERVICE_ACCOUNT, env);
}

function kubeconfigFiles(given: string | undefined, env: Record<string, string | undefined>): string[] {
  if (given !== undefined) return [given];
  const listed = (env["KUBECONFIG"] ?? "").split(delimiter).filter((file) => file !== "");
  if (listed.length > 0) {
    const present = listed.filter((file) => existsSync(file));
    if (present.length > 0) return present;
    throw new CredentialsError(
      `KUBECONFIG names ${listed.join(" and ")}, which ${listed.length === 1 ? "is" : "are"} not there; name a kubeconfig that is, or unset it`,
    );
  }
  const usual = join(env["HOME"] ?? homedir(), ".kube", "config");
  return existsSync(usual) ? [usual] : [];
}

async function fromFiles(
  files: string[],
  context: string | undefined,
  env: Record<string, string | undefined>,
): Promise<Connection> {
  const { KubeConfig: Library } = await import("@kubernetes/client-node");
  const config = new Library();
  const refused = new Map<string, string[]>();
  for (const file of files) {
    const part = new Library();
    for (const [user, fields] of readInto(part, file)) {
      if (!config.users.some((each) => each.name === user)) refused.set(user, fields);
    }
    mergeFirstWins(config, part);
  }
  const shown = files.join(delimiter);
  const name = context ?? config.getCurrentContext();
  if (!name) throw new CredentialsError(`${shown} has no current context; name one with --context`);
  const found = config.getContextObject(name);
  if (!found) {
    const names = config.getContexts().map((each) => each.name);
    throw new CredentialsError(`${shown} has no context "${name}"; it has ${names.join(", ") || "none"}`);
  }
  const cluster = config.getCluster(found.cluster);
  if (!cluster) throw new CredentialsError(`${shown} has no cluster "${found.cluster}", which context "${name}" names`);
  const user = found.user ? config.getUser(found.user) : { name: "" };
  if (!user) throw new CredentialsError(`${shown} has no user "${found.user}", which context "${name}" names`);
  const [field] = refused.get(user.name) ?? [];
  if (field !== undefined) {
    throw new CredentialsError(
      `user "${user.name}" of ${shown} has "${field}", which is not supported; impersonate by "as" alone, or use another user`,
    );
  }
  return new ClusterConnection({ cluster, user, namespace: found.namespace, env });
}

/** What a kubeconfig's user may say of whom to be, and the library drops: to go on would be to ask as somebody else. */
const IMPERSONATION = ["as-uid", "as-groups", "as-user-extra"];

/** The library takes `tokenFile` only as it writes a service account's; so each is put into that form. */
function readInto(config: KubeConfig, file: string): Map<string, string[]> {
  let parsed: unknown;
  try {
    parsed = Bun.YAML.parse(readFileSync(file, "utf8"));
    config.loadFromString(JSON.stringify(withTokenFiles(parsed, dirname(file))));
  } catch (error) {
    throw new CredentialsError(`the kubeconfig ${file} cannot be read: ${reasonOf(error)}`);
  }
  config.makePathsAbsolute(dirname(file));
  return impersonations(parsed);
}

/** @returns the fields of users that cannot be honoured, by the user's name. */
function impersonations(parsed: unknown): Map<string, string[]> {
  const users: unknown = isRecord(parsed) ? parsed["users"] : undefined;
  const found = new Map<string, string[]>();
  for (const each of Array.isArray(users) ? users : []) {
    const { user, name } = isRecord(each) ? each : {};
    if (!isRecord(user)) continue;
    found.set(
      String(name),
      IMPERSONATION.filter((field) => !isEmpty(user[field])),
    );
  }
  return found;
}

/** Whether a text, a list or a record has nothing in it. */
function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || Object.keys(value).length === 0;
}

/** A parser's message may quote the file, and with it a secret. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "it is no kubeconfig";
  if ("code" in error && typeof error.code === "string") return error.code;
  return error instanceof SyntaxError ? "it is neither YAML nor JSON" : error.message;
}

/** As clientcmd merges files: what an earlier one says, stays. */
function mergeFirstWins(config: KubeConfig, part: KubeConfig): void {
  const add = <T extends { name: string }>(to: T[], from: readonly T[]) =>
    to.push(...from.filter(({ name }) => !to.some((each) => each.name === name)));
  add(config.clusters, part.clusters);
  add(config.users, part.users);
  add(config.contexts, part.contexts);
  if (!config.currentContext && part.currentContext) config.setCurrentContext(part.currentContext);
}

/** Also makes the path of a plugin absolute where it has a slash, as kubectl does. */
function withTokenFiles(parsed: unknown, folder: string): unknown {
  if (!isRecord(parsed)) throw new TypeError("it is no kubeconfig");
  const users = Array.isArray(parsed["users"]) ? parsed["users"] : [];
  return {
    ...parsed,
    users: users.map((each: unknown) => {
      if (!isRecord(each) || !isRecord(each["user"])) return each;
      const { tokenFile, token, exec, ...user } = each["user"];
      return {
        ...each,
        user: {
          ...user,
          ...(typeof tokenFile === "string" ? tokenFileUser(resolve(folder, tokenFile)) : { token }),
          ...(isRecord(exec) ? { exec: withAbsoluteCommand(exec, folder) } : {}),
        },
      };
    }),
  };
}

function withAbsoluteCommand(exec: Record<string, unknown>, folder: string): Record<string, unknown> {
  const { command } = exec;
  return typeof command === "string" && command.includes("/") ? { ...exec, command: resolve(folder, command) } : exec;
}

function tokenFileUser(tokenFile: string) {
  return { "auth-provider": { name: TOKEN_FILE, config: { tokenFile } } };
}

function fromServiceAccount(folder: string, env: Record<string, string | undefined>): Connection {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = "443" } = env;
  const tokenFile = join(folder, "token");
  if (!host || !existsSync(tokenFile)) {
    throw new CredentialsError(
      "no API server is known: name a kubeconfig with --kubeconfig or KUBECONFIG, or run in a pod with a service account",
    );
  }
  const cluster: Cluster = {
    name: "in-cluster",
    server: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
    caFile: join(folder, "ca.crt"),
    skipTLSVerify: false,
  };
  const user: User = { name: "service-account", authProvider: { name: TOKEN_FILE, config: { tokenFile } } };
  const namespaceFile = join(folder, "namespace");
  const namespace = existsSync(namespaceFile) ? readFileSync(namespaceFile, "utf8").trim() : undefined;
  return new ClusterConnection({ cluster, user, namespace, env });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
