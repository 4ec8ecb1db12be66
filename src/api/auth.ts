import type { MiddlewareHandler } from "hono";
import type { ApiDeps, ApiEnv } from "./deps.ts";
import { isSelfReview } from "./self-reviews.ts";
import { ApiError } from "./status-error.ts";
import { type Scope, TokenError, type Tokens } from "./tokens.ts";

const READING = ["GET", "HEAD", "OPTIONS"];

/** What `kubectl --as` sends. A client that means to have fewer rights must not get its own. */
const IMPERSONATION = ["impersonate-user", "impersonate-group", "impersonate-uid"];

/**
 * Lets a request through with its scope, or refuses it: 401 without a valid token where one is needed, 403 for a write
 * with the scope `read`; questions of a client about itself are no writes. A refusal also closes the connection, so that strangers cannot keep it.
 */
export function authenticate({ auth, tokens }: Pick<ApiDeps, "auth" | "tokens">): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    const scope = auth === "none" ? "admin" : await verified(tokens, c.req.header("authorization"));
    if (IMPERSONATION.some((name) => c.req.header(name) !== undefined)) {
      throw new ApiError("Forbidden", "nobody can be impersonated here: a site knows scopes of tokens, and no users");
    }
    if (scope === "read" && !READING.includes(c.req.method) && !isSelfReview(c.req.path)) {
      throw new ApiError("Forbidden", "the token has the scope read: it may look, but not change anything");
    }
    c.set("scope", scope);
    return await next();
  };
}

async function verified(tokens: Tokens, authorization: string | undefined): Promise<Scope> {
  try {
    return await tokens.verify(bearer(authorization));
  } catch (error) {
    if (!(error instanceof TokenError)) throw error;
    throw new ApiError("Unauthorized", `Unauthorized: ${error.message}`, {}, { cause: error });
  }
}

/** RFC 6750, 2.1. */
function bearer(header: string | undefined): string {
  if (header === undefined)
    throw new ApiError("Unauthorized", "Unauthorized: send a token as `Authorization: Bearer TOKEN`");
  const [, token] = /^Bearer +([A-Za-z0-9._~+/-]+=*) *$/i.exec(header) ?? [];
  if (token === undefined) throw new ApiError("Unauthorized", "Unauthorized: the authorization is no bearer token");
  return token;
}
