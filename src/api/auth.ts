import type { MiddlewareHandler } from "hono";
import type { ApiDeps, ApiEnv } from "./deps.ts";
import { ApiError } from "./status-error.ts";
import { TokenError } from "./tokens.ts";

const READING = ["GET", "HEAD", "OPTIONS"];

/**
 * Lets a request through with its scope, or refuses it: 401 without a valid token where one is needed, 403 for a write
 * with the scope `read`. A refusal also closes the connection, so that strangers cannot keep it.
 */
export function authenticate({ auth, tokens }: Pick<ApiDeps, "auth" | "tokens">): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    if (auth === "none") {
      c.set("scope", "admin");
      return await next();
    }
    const scope = await tokens.verify(bearer(c.req.header("authorization"))).catch((error: unknown) => {
      if (!(error instanceof TokenError)) throw error;
      throw new ApiError("Unauthorized", `Unauthorized: ${error.message}`, {}, { cause: error });
    });
    if (scope === "read" && !READING.includes(c.req.method)) {
      throw new ApiError("Forbidden", "the token has the scope read: it may look, but not change anything");
    }
    c.set("scope", scope);
    return await next();
  };
}

/** RFC 6750, 2.1. */
function bearer(header: string | undefined): string {
  if (header === undefined)
    throw new ApiError("Unauthorized", "Unauthorized: send a token as `Authorization: Bearer TOKEN`");
  const [, token] = /^Bearer +([A-Za-z0-9._~+/-]+=*) *$/i.exec(header) ?? [];
  if (token === undefined) throw new ApiError("Unauthorized", "Unauthorized: the authorization is no bearer token");
  return token;
}
