import type { Cluster } from "@kubernetes/client-node";
import { CredentialsError } from "./connection.ts";

/** What a plugin gave; texts are PEM. */
export interface PluginCredential {
  token?: string;
  cert?: string;
  key?: string;
  /** Milliseconds since the epoch; absent when it holds until the server refuses it. */
  expires?: number;
}

export interface ExecPluginOptions {
  /** `exec` of a kubeconfig's user. */
  spec: unknown;
  cluster: Cluster;
  env: Record<string, string | undefined>;
  clock?: () => number;
}

interface ExecSpec {
  apiVersion: string;
  command: string;
  args: string[];
  env: { name: string; value: string }[];
  installHint: string | undefined;
  provideClusterInfo: boolean;
}

const API_VERSIONS = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];

/** How long a plugin may take, milliseconds: some open a browser. */
const LIMIT = 60_000;

/** The longest output of a plugin that is read, bytes: the largest credentials are certificate chains of some kB. */
const MOST_OUTPUT = 1024 * 1024;

/** A credential is renewed so many milliseconds before it expires. */
const MARGIN = 10_000;

/**
 * A credential plugin of client-go (`client.authentication.k8s.io`): a program that prints a credential. What it said
 * is used until it expires, or until the server refuses it. Its output is never part of an error.
 */
export class ExecPlugin {
  readonly #spec: ExecSpec;
  #known: PluginCredential | undefined;
  #running: Promise<PluginCredential> | undefined;

  /** @throws CredentialsError when the kubeconfig's `exec` is not one */
  constructor(readonly options: ExecPluginOptions) {
    this.#spec = readSpec(options.spec);
  }

  /** @throws CredentialsError */
  async credential(): Promise<PluginCredential> {
    const now = (this.options.clock ?? Date.now)();
    const known = this.#known;
    if (known && (known.expires === undefined || known.expires - MARGIN > now)) return known;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  forget(): void {
    this.#known = undefined;
  }

  async #run(): Promise<PluginCredential> {
    const { command, args, installHint } = this.#spec;
    const program = command.includes("/") ? command : Bun.which(command, { PATH: this.options.env["PATH"] ?? "" });
    if (program === null) {
      const hint = installHint ? `: ${installHint}` : "; install it";
      throw new CredentialsError(`the credential plugin ${command} is not on PATH${hint}`);
    }
    const { code, output } = await this.#output([program, ...args]);
    if (code !== 0) throw new CredentialsError(`the credential plugin ${command} failed with exit code ${code}`);
    this.#known = readCredential(output, this.#spec);
    return this.#known;
  }

  async #output(argv: string[]): Promise<{ code: number; output: string }> {
    const { apiVersion, env, command } = this.#spec;
    const info = { apiVersion, kind: "ExecCredential", spec: { interactive: false, ...this.#clusterInfo() } };
    const start = () =>
      Bun.spawn(argv, {
        env: {
          ...this.options.env,
          ...Object.fromEntries(env.map(({ name, value }) => [name, value])),
          KUBERNETES_EXEC_INFO: JSON.stringify(info),
        },
        stdin: "ignore",
        stdout: "pipe",
        stderr: "ignore",
        timeout: LIMIT,
      });
    let child: ReturnType<typeof start>;
    try {
      child = start();
    } catch (error) {
      throw new CredentialsError(`the credential plugin ${command} cannot be started`, { cause: error });
    }
    const output = await readAtMost(child.stdout, MOST_OUTPUT);
    if (output === undefined) {
      child.kill("SIGKILL");
      throw new CredentialsError(`the credential plugin ${command} printed more than ${MOST_OUTPUT} bytes`);
    }
    return { code: await child.exited, output };
  }

  #clusterInfo(): Record<string, unknown> {
    const { server, caData, tlsServerName, skipTLSVerify } = this.options.cluster;
    if (!this.#spec.provideClusterInfo) return {};
    return {
      cluster: {
        server,
        ...(tlsServerName ? { "tls-server-name": tlsServerName } : {}),
        ...(skipTLSVerify ? { "insecure-skip-tls-verify": true } : {}),
        ...(caData ? { "certificate-authority-data": caData } : {}),
      },
    };
  }
}

/** @returns the text of a stream; undefined when it has more bytes than so many. */
async function readAtMost(stream: ReadableStream<Uint8Array>, bytes: number): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream) {
    length += chunk.length;
    if (length > bytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function readSpec(spec: unknown): ExecSpec {
  const { apiVersion, command, args, env, installHint, provideClusterInfo } = isRecord(spec) ? spec : {};
  if (typeof command !== "string" || command === "") {
    throw new CredentialsError("the kubeconfig's exec has no command");
  }
  if (typeof apiVersion !== "string" || !API_VERSIONS.includes(apiVersion)) {
    throw new CredentialsError(
      `the credential plugin ${command} has the apiVersion "${String(apiVersion)}"; use ${API_VERSIONS.join(" or ")}`,
    );
  }
  return {
    apiVersion,
    command,
    args: Array.isArray(args) ? args.map(String) : [],
    env: (Array.isArray(env) ? env : []).filter(isRecord).map((each) => ({
      name: String(each["name"]),
      value: String(each["value"] ?? ""),
    })),
    installHint: typeof installHint === "string" ? installHint.trim() : undefined,
    provideClusterInfo: provideClusterInfo === true,
  };
}

function readCredential(output: string, { command, apiVersion }: ExecSpec): PluginCredential {
  let parsed: unknown;
  try {
    parsed = JSON.parse(output);
  } catch {
    throw new CredentialsError(`the credential plugin ${command} did not print JSON`);
  }
  const status = isRecord(parsed) && parsed["kind"] === "ExecCredential" ? parsed["status"] : undefined;
  if (!isRecord(parsed) || !isRecord(status)) {
    throw new CredentialsError(`the credential plugin ${command} did not print an ExecCredential with a status`);
  }
  if (parsed["apiVersion"] !== apiVersion) {
    throw new CredentialsError(
      `the credential plugin ${command} printed the apiVersion "${String(parsed["apiVersion"])}"; the kubeconfig says ${apiVersion}`,
    );
  }
  const { token, clientCertificateData: cert, clientKeyData: key, expirationTimestamp } = status;
  const expires = typeof expirationTimestamp === "string" ? Date.parse(expirationTimestamp) : Number.NaN;
  const credential = {
    ...(typeof token === "string" && token !== "" ? { token } : {}),
    ...(typeof cert === "string" && typeof key === "string" ? { cert, key } : {}),
    ...(Number.isNaN(expires) ? {} : { expires }),
  };
  if (!("token" in credential) && !("cert" in credential)) {
    throw new CredentialsError(
      `the credential plugin ${command} printed neither a token nor a certificate with its key`,
    );
  }
  return credential;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
