/**
 * Tokens of the control API: HS256 JWTs (RFC 7519) with a key, an issuer and an audience of their own, so that no other
 * token of the site (those of `/authz`, for one) opens this API.
 */
import { errors, jwtVerify, SignJWT } from "jose";

export const SCOPES = ["admin", "read"] as const;
/** `admin` may do everything; `read` may look but neither write nor mint tokens. */
export type Scope = (typeof SCOPES)[number];

const ISSUER = "clusterlink";
const AUDIENCE = "clusterlink-control-api";

/** Ten years, in seconds. */
export const MAX_TTL = 10 * 365 * 24 * 3600;
/** One year, in seconds. */
export const DEFAULT_TTL = 365 * 24 * 3600;

export interface IssuedToken {
  token: string;
  scope: Scope;
  /** RFC 3339. */
  expiresAt: string;
}

/** Why a token was not accepted; `message` may be shown to whoever sent it. */
export class TokenError extends Error {
  constructor(
    readonly code: "Expired" | "Invalid",
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = "TokenError";
  }
}

export interface Tokens {
  /** @param ttl seconds from now until it expires, 1 to {@link MAX_TTL} */
  issue(scope: Scope, ttl: number): Promise<IssuedToken>;
  /** @throws {TokenError} unless the token is whole, ours, and not expired */
  verify(token: string): Promise<Scope>;
}

/**
 * @param key at least 32 random bytes, see {@link loadTokenKey}
 * @param now the clock, milliseconds since the epoch
 */
export function createTokens(key: Uint8Array, now: () => number = Date.now): Tokens {
  if (key.length < 32) throw new RangeError(`the token key has ${key.length} bytes; HS256 needs 32 (RFC 7518, 3.2)`);
  return {
    async issue(scope, ttl) {
      if (!Number.isInteger(ttl) || ttl < 1 || ttl > MAX_TTL) {
        throw new RangeError(`a token lives between 1 and ${MAX_TTL} seconds, not ${ttl}`);
      }
      const seconds = Math.floor(now() / 1000);
      const token = await new SignJWT({ scope })
        .setProtectedHeader({ alg: "HS256", typ: "JWT" })
        .setIssuer(ISSUER)
        .setAudience(AUDIENCE)
        .setJti(crypto.randomUUID())
        .setIssuedAt(seconds)
        .setExpirationTime(seconds + ttl)
        .sign(key);
      return { token, scope, expiresAt: new Date((seconds + ttl) * 1000).toISOString().replace(".000Z", "Z") };
    },
    async verify(token) {
      try {
        const { payload } = await jwtVerify(token, key, {
          algorithms: ["HS256"],
          issuer: ISSUER,
          audience: AUDIENCE,
          requiredClaims: ["exp", "scope"],
          currentDate: new Date(now()),
        });
        const scope = SCOPES.find((one) => one === payload["scope"]);
        if (scope === undefined) throw new TokenError("Invalid", "the token has no scope that this site knows");
        return scope;
      } catch (cause) {
        if (cause instanceof TokenError) throw cause;
        if (cause instanceof errors.JWTExpired) {
          throw new TokenError("Expired", "the token has expired; issue a new one with `clusterlink token`", { cause });
        }
        throw new TokenError("Invalid", "the token was not issued by this site", { cause });
      }
    },
  };
}
