import type { Cluster, User } from "@kubernetes/client-node";
import { type Connection, type ConnectionTls, type Credentials, CredentialsError } from "./connection.ts";
import { ExecPlugin, type PluginCredential } from "./exec-plugin.ts";
import { FileValue } from "./file-value.ts";

/** The library's name for users whose token is in a file. */
export const TOKEN_FILE = "tokenFile";

export interface ClusterConnectionOptions {
  cluster: Cluster;
  user: User;
  namespace: string | undefined;
  /** The environment of plugins. */
  env: Record<string, string | undefined>;
}

/** The API server of a context, asked as its user. */
export class ClusterConnection implements Connection {
  readonly server: string;
  readonly namespace: string | undefined;
  readonly #ca: TextSource;
  readonly #cert: TextSource;
  readonly #key: TextSource;
  readonly #token: TextSource;
  readonly #plugin: ExecPlugin | undefined;

  /** @throws CredentialsError when the context asks for what is not supported */
  constructor(readonly options: ClusterConnectionOptions) {
    const { cluster, user, namespace, env } = options;
    this.server = serverOf(cluster);
    this.namespace = namespace;
    this.#ca = textOf(cluster.caFile, cluster.caData);
    this.#cert = textOf(user.certFile, user.certData);
    this.#key = textOf(user.keyFile, user.keyData);
    this.#token = tokenOf(user);
    this.#plugin = user.exec ? new ExecPlugin({ spec: user.exec, cluster, env }) : undefined;
  }

  async credentials(): Promise<Credentials> {
    const { cluster } = this.options;
    const told = await this.#plugin?.credential();
    return {
      headers: this.#headers(told),
      tls: this.#tls(told),
      ...(cluster.proxyUrl ? { proxy: cluster.proxyUrl } : {}),
    };
  }

  refused(): void {
    this.#plugin?.forget();
  }

  #headers(told: PluginCredential | undefined): Record<string, string> {
    const { username, password, impersonateUser } = this.options.user;
    const token = told?.token ?? this.#token()?.trim();
    const basic = username ? `Basic ${Buffer.from(`${username}:${password ?? ""}`).toString("base64")}` : undefined;
    const authorization = token ? `Bearer ${token}` : basic;
    return {
      ...(authorization === undefined ? {} : { Authorization: authorization }),
      ...(impersonateUser ? { "Impersonate-User": impersonateUser } : {}),
    };
  }

  #tls(told: PluginCredential | undefined): ConnectionTls {
    const { cluster } = this.options;
    const ca = this.#ca();
    const cert = told?.cert ?? this.#cert();
    const key = told?.key ?? this.#key();
    return {
      rejectUnauthorized: !cluster.skipTLSVerify,
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined || key === undefined ? {} : { cert, key }),
      ...(cluster.tlsServerName ? { serverName: cluster.tlsServerName } : {}),
    };
  }
}

type TextSource = () => string | undefined;

/** A file outranks what stands in the kubeconfig itself. */
function textOf(file: string | undefined, base64: string | undefined): TextSource {
  if (file) {
    const value = new FileValue(file);
    return () => value.read();
  }
  const text = base64 ? Buffer.from(base64, "base64").toString("utf8") : undefined;
  return () => text;
}

function tokenOf({ token, authProvider, name }: User): TextSource {
  if (!authProvider) return () => token;
  const { name: provider, config } = authProvider as { name?: string; config?: Record<string, unknown> };
  const file = config?.["tokenFile"];
  if (provider === TOKEN_FILE && typeof file === "string") return textOf(file, undefined);
  throw new CredentialsError(
    `user "${name}" has the auth-provider "${provider}", which is no more; use an exec plugin`,
  );
}

function serverOf({ server, name, proxyUrl }: Cluster): string {
  if (!URL.canParse(server) || !/^https?:$/.test(new URL(server).protocol)) {
    throw new CredentialsError(`cluster "${name}" has no http or https address: "${server}"`);
  }
  if (proxyUrl && !/^https?:/.test(proxyUrl)) {
    throw new CredentialsError(`cluster "${name}" has a proxy-url that is neither http nor https`);
  }
  return server.replace(/\/+$/, "");
}
