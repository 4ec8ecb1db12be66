/** A small HTTP client of the control API, over its unix socket or over HTTPS. */

import type { ClientRequest } from "./client-request.ts";
import { distrustRemedy } from "./distrust.ts";
import { ApiError, CliError } from "./errors.ts";
import { errorCode, resolveServer, type ServerOptions, type ServerTarget } from "./server.ts";

/** The connection of a command to one site. */
export class Client {
  constructor(readonly target: ServerTarget) {}

  /** @returns a client of the site that the options, the variables or the default name. */
  static of(options: ServerOptions): Client {
    return new Client(resolveServer(options, process.env));
  }

  /** The address as the user would write it. */
  get address(): string {
    if (this.target.kind === "cluster") return "the cluster's API server";
    return this.target.kind === "unix" ? `unix:${this.target.path}` : this.target.url;
  }

  /**
   * Sends one request. The answer may be a stream without end: only its head is awaited.
   *
   * Throws {@link ApiError} for an answer that is no success, {@link CliError} `unreachable` when there is none and
   * `untrusted` when the server's certificate does not prove who it is.
   */
  async send(path: string, request: ClientRequest = {}): Promise<Response> {
    const response = await this.#fetch(path, request);
    if (!response.ok) throw await this.#refusal(response);
    return response;
  }

  /** As {@link send}, and reads the answer as JSON. */
  async json<T>(path: string, request: ClientRequest = {}): Promise<T> {
    const response = await this.send(path, request);
    try {
      return (await response.json()) as T;
    } catch (cause) {
      if (request.signal?.aborted) throw cause;
      if (!(cause instanceof SyntaxError)) throw this.#unreachable(cause);
      throw new CliError("failed", `${this.address} answered what is no JSON: is the control API of a gateway there?`, {
        cause,
      });
    }
  }

  async #fetch(path: string, request: ClientRequest): Promise<Response> {
    const { target } = this;
    const url = new URL(path, target.kind === "https" ? target.url : "http://localhost");
    for (const [name, value] of Object.entries(request.query ?? {})) {
      for (const one of [value ?? []].flat()) url.searchParams.append(name, one);
    }
    if (target.kind === "cluster") {
      return target.send(url, request).catch((cause: unknown) => {
        throw cause instanceof CliError || request.signal?.aborted ? cause : this.#unreachable(cause);
      });
    }
    const headers = new Headers({ accept: request.accept ?? "application/json" });
    if (target.token !== undefined) headers.set("authorization", `Bearer ${target.token}`);
    if (request.body !== undefined) headers.set("content-type", request.contentType ?? "application/json");
    try {
      return await fetch(url, {
        method: request.method ?? "GET",
        headers,
        redirect: "error",
        timeout: false,
        ...(request.body === undefined ? {} : { body: request.body }),
        ...(request.signal === undefined ? {} : { signal: request.signal }),
        ...connectionOf(target),
      });
    } catch (cause) {
      if (request.signal?.aborted) throw cause;
      throw this.#unreachable(cause);
    }
  }

  #unreachable(cause: unknown): CliError {
    const code = errorCode(cause);
    if (this.target.kind === "unix") {
      const remedy =
        code === "EACCES" || code === "EPERM"
          ? "run the command as the gateway's user"
          : "start it with 'clusterlink gateway', or name another with --server or CLUSTERLINK_SERVER";
      return new CliError("unreachable", `no gateway answers at ${this.address} (${code}): ${remedy}`, { cause });
    }
    if (this.target.kind === "cluster") {
      return new CliError("unreachable", `${this.address} does not answer (${code}): check the kubeconfig`, { cause });
    }
    if (/CERT|SIGN|ISSUER|VERIFY|ALTNAME|TLS/i.test(code)) {
      const why = `${code}): ${distrustRemedy(code, this.target)}`;
      return new CliError("untrusted", `the gateway at ${this.address} cannot be trusted (${why}`, { cause });
    }
    const remedy = "check the address, and that it runs with --api-listen or --expose-api";
    return new CliError("unreachable", `no gateway answers at ${this.address} (${code}): ${remedy}`, { cause });
  }

  async #refusal(response: Response): Promise<ApiError> {
    const text = await response.text();
    const { reason, message } = statusOf(text);
    if (response.status === 401) {
      const remedy =
        this.target.kind === "cluster"
          ? "check the kubeconfig"
          : "give one that 'clusterlink token' issued, with --token or CLUSTERLINK_TOKEN";
      const given = this.target.kind === "https" && this.target.token !== undefined;
      const why = given && message !== undefined ? ` (${message.replace(/^Unauthorized: /, "").split(";", 1)})` : "";
      return new ApiError(401, reason ?? "Unauthorized", `${this.address} asks for a valid token${why}: ${remedy}`);
    }
    if (response.status === 403 && message?.startsWith("the token has the scope read")) {
      const remedy = "issue one with 'clusterlink token --scope admin'";
      return new ApiError(403, reason ?? "Forbidden", `${message}; ${remedy}`);
    }
    const said = message ?? `${this.address} answered ${response.status} ${response.statusText}`.trimEnd();
    return new ApiError(response.status, reason ?? "", said);
  }
}

function connectionOf(target: Exclude<ServerTarget, { kind: "cluster" }>): BunFetchRequestInit {
  if (target.kind === "unix") return { unix: target.path };
  return {
    tls: {
      rejectUnauthorized: true,
      ...(target.ca === undefined ? {} : { ca: target.ca }),
      ...(target.serverName === undefined ? {} : { serverName: target.serverName }),
    },
  };
}

function statusOf(text: string): { reason?: string; message?: string } {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== "object" || parsed === null) return {};
    return {
      ...("reason" in parsed && typeof parsed.reason === "string" ? { reason: parsed.reason } : {}),
      ...("message" in parsed && typeof parsed.message === "string" ? { message: parsed.message } : {}),
    };
  } catch {
    return {};
  }
}
