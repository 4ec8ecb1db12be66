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
  /** How long the plugin may take, milliseconds. Default: a minute, as some open a browser. */
  limit?: number;
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
    const { limit = LIMIT } = this.options;
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
        // For one that closes its output and stays; before, the reading tells.
        timeout: limit + 1_000,
        killSignal: "SIGKILL",
      });
    let child: ReturnType<typeof start>;
    try {
      child = start();
    } catch (error) {
      throw new CredentialsError(`the credential plugin ${command} cannot be started`, { cause: error });
    }
    try {
      const output = await readWithin(child.stdout, MOST_OUTPUT, limit);
      return { code: await child.exited, output };
    } catch (error) {
      child.kill("SIGKILL");
      if (!(error instanceof RangeError)) throw error;
      throw new CredentialsError(`the credential plugin ${command} ${error.message}`, { cause: error });
    }
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

/**
 * Reads a stream to its end, which may stay away when the program that wrote it has gone: others may hold it open.
 *
 * @throws RangeError that says what there was too much of
 */
async function readWithin(stream: ReadableStream<Uint8Array>, bytes: number, milliseconds: number): Promise<string> {
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  let late = false;
  // What becomes of a stream that nobody reads any more is of no interest.
  const leave = () => reader.cancel().catch(() => undefined);
  const timer = setTimeout(() => {
    late = true;
    leave();
  }, milliseconds);
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      length += part.value.length;
      if (length > bytes) throw new RangeError(`printed more than ${bytes} bytes`);
      chunks.push(part.value);
    }
  } finally {
    clearTimeout(timer);
    leave();
  }
  if (late) throw new RangeError(`took longer than ${milliseconds} ms`);
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
