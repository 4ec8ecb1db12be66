import { type Connection, CredentialsError } from "./connection.ts";
import { deadline } from "./deadline.ts";
import { type Asked, KubeApiError, readStatus, reasonOf, statusError } from "./error.ts";
import { SYSTEM_TIMING, type Timing } from "./timing.ts";

export interface TransportOptions {
  connection: Connection;
  /** How long a request may take, retries included, milliseconds. Default: 30 s. */
  timeout?: number;
  /** Default: `clusterlink`. */
  userAgent?: string;
  timing?: Timing;
}

export interface TransportRequest {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  path: string;
  query?: URLSearchParams;
  /** Sent as JSON. */
  body?: unknown;
  contentType?: string;
  signal?: AbortSignal | undefined;
}

const TIMEOUT = 30_000;

/** An overloaded server is asked again this often, after the time that it names. */
const OVERLOAD_RETRIES = 5;
const LONGEST_RETRY_AFTER = 10_000;

/**
 * Requests to the API server on Bun's `fetch`. A request that the server refused for its credentials is sent once more
 * with fresh ones; one that it asks to send later (429, or 503 with `Retry-After`) is sent later.
 */
export class Transport {
  readonly #timing: Timing;

  constructor(readonly options: TransportOptions) {
    this.#timing = options.timing ?? SYSTEM_TIMING;
  }

  /** @throws KubeApiError */
  async json(request: TransportRequest): Promise<unknown> {
    const limit = deadline(this.options.timeout ?? TIMEOUT, request.signal);
    try {
      const response = await this.#send(request, limit.signal);
      return await response.json();
    } catch (error) {
      throw this.#failure(request, error, limit.passed);
    } finally {
      limit.end();
    }
  }

  /**
   * The response of a request that goes on for as long as it likes; only its head has the deadline. The signal ends it.
   * @throws KubeApiError
   */
  async stream(request: TransportRequest & { signal: AbortSignal }): Promise<ReadableStream<Uint8Array>> {
    const body = new AbortController();
    const abort = () => body.abort();
    request.signal.addEventListener("abort", abort, { once: true });
    const limit = deadline(this.options.timeout ?? TIMEOUT, request.signal);
    limit.signal.addEventListener("abort", abort, { once: true });
    try {
      const response = await this.#send(request, body.signal);
      if (!response.body) throw new TypeError("the response has no body");
      return response.body;
    } catch (error) {
      throw this.#failure(request, error, limit.passed);
    } finally {
      limit.end();
    }
  }

  async #send(request: TransportRequest, signal: AbortSignal): Promise<Response> {
    let renewed = false;
    for (let retries = 0; ; retries++) {
      const response = await this.#fetch(request, signal);
      if (response.ok) return response;
      const status = readStatus(await response.json().catch(() => undefined), response.status);
      if (response.status === 401 && !renewed) {
        renewed = true;
        this.options.connection.refused();
        continue;
      }
      const wait = retryAfter(response);
      if (wait === undefined || retries >= OVERLOAD_RETRIES) throw statusError(status, request);
      await this.#timing.sleep(wait, signal);
      signal.throwIfAborted();
    }
  }

  async #fetch(request: TransportRequest, signal: AbortSignal): Promise<Response> {
    const { connection, userAgent } = this.options;
    const { headers, tls, proxy } = await connection.credentials();
    const query = request.query?.size ? `?${request.query}` : "";
    return fetch(`${connection.server}${request.path}${query}`, {
      method: request.method,
      headers: {
        Accept: "application/json",
        "User-Agent": userAgent ?? "clusterlink",
        ...(request.body === undefined ? {} : { "Content-Type": request.contentType ?? "application/json" }),
        ...headers,
      },
      ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
      ...(proxy === undefined ? {} : { proxy }),
      redirect: "error",
      tls,
      signal,
      timeout: false,
    });
  }

  #failure(asked: Asked, error: unknown, late: boolean): unknown {
    if (error instanceof KubeApiError) return error;
    const { server } = this.options.connection;
    if (error instanceof CredentialsError) return new KubeApiError("Unavailable", error.message, { cause: error });
    const why = late ? `no answer within ${this.options.timeout ?? TIMEOUT} ms` : reasonOf(error);
    const message = `${asked.method} ${asked.path} did not succeed at the API server ${server}: ${why}`;
    return new KubeApiError("Unavailable", message, { cause: error });
  }
}

function retryAfter(response: Response): number | undefined {
  const header = response.headers.get("retry-after");
  if (response.status !== 429 && (response.status !== 503 || header === null)) return undefined;
  const seconds = Number(header ?? 1);
  return Number.isFinite(seconds) ? Math.min(LONGEST_RETRY_AFTER, Math.max(0, seconds * 1000)) : undefined;
}
