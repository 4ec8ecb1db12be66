/** What tells the kubelet whether the operator is alive and ready. */
import type { HostPort } from "../resources/address.ts";

export interface ProbesOptions {
  /** Where it listens; `::` is both families, and `0.0.0.0` is used where the host has no IPv6. */
  listen: HostPort;
  /** Why the operator cannot do its work at present, for people; empty when it can. */
  reasons: () => readonly string[];
}

/** More than any probe sends, in bytes. */
const MOST_BODY = 1024;

/**
 * Answers `GET /livez` for as long as the process turns, and `GET /readyz` with 200, or with 503 and the reasons. It
 * tells everybody the same and nothing else: like those of Kubernetes' own controllers it asks no credentials.
 *
 * @throws Error when the address cannot be bound
 */
export function serveProbes({ listen, reasons }: ProbesOptions): { port: number; stop: () => Promise<void> } {
  const answer = (request: Request): Response => {
    const { pathname } = new URL(request.url);
    if (request.method !== "GET" && request.method !== "HEAD") return text(405, "only GET");
    if (pathname === "/livez") return text(200, "ok");
    if (pathname !== "/readyz") return text(404, "only /livez and /readyz are here");
    const why = reasons();
    return why.length === 0 ? text(200, "ok") : text(503, why.join("\n"));
  };
  const bind = (hostname: string) =>
    Bun.serve({ hostname, port: listen.port, maxRequestBodySize: MOST_BODY, fetch: answer });
  const server = bindEither(bind, listen.host);
  return { port: server.port ?? listen.port, stop: () => server.stop(true) };
}

/** Bun does not say why a server cannot be bound, so that a host without IPv6 is found out by a second try. */
function bindEither<T>(bind: (hostname: string) => T, host: string): T {
  if (host !== "::") return bind(host);
  try {
    return bind(host);
  } catch {
    return bind("0.0.0.0");
  }
}

function text(status: number, body: string): Response {
  return new Response(`${body}\n`, { status, headers: { "Content-Type": "text/plain; charset=utf-8" } });
}
