/** The tokens that `/authz` gives and CONNECT shows: HS256 JWTs with the claims that ClusterLink's gateways read. */
import { errors, jwtVerify, SignJWT } from "jose";
import type { Attributes } from "../../policy/attributes.ts";
import { isLabels } from "./peer-labels.ts";

/** How long a token is good for, in seconds. */
export const TOKEN_LIFETIME = 5;

/** RFC 7518 section 3.2: an HS256 key has at least as many bytes as the hash. */
const MIN_KEY = 32;

const ALGORITHM = "HS256";

export interface AuthzGrant {
  exportName: string;
  exportNamespace: string;
  /** The name in the certificate of who asked; its key may be renewed before it connects, its name may not. */
  caller: string;
  /** The source as it was judged, for whoever decides again at CONNECT. */
  source: Attributes;
}

export type TokenRefusal =
  /** No JWT, or without the claims that every token of ours has. */
  "malformed" | "bad-signature" | "expired" | "no-caller" | "other-caller";

export type VerifiedToken = { valid: true; grant: AuthzGrant } | { valid: false; reason: TokenRefusal };

/** Issues and verifies the tokens of one site. Every gateway of the site has the same key. */
export class AuthzTokens {
  readonly #key: Uint8Array;
  readonly #now: () => number;

  /**
   * @param key secret, at least 32 bytes
   * @param now milliseconds since the epoch
   * @throws RangeError for a shorter key
   */
  constructor(key: Uint8Array, now: () => number) {
    if (key.length < MIN_KEY)
      throw new RangeError(`the key for /authz tokens has ${key.length} bytes, fewer than ${MIN_KEY}`);
    this.#key = key;
    this.#now = now;
  }

  /** @returns a token that is good for {@link TOKEN_LIFETIME} seconds, and for this caller only. */
  issue({ exportName, exportNamespace, caller, source }: AuthzGrant): Promise<string> {
    return new SignJWT({
      export_name: exportName,
      export_namespace: exportNamespace,
      caller,
      source: {
        values: { ...source.values },
        client_known: source.clientKnown,
        peer_labels_known: source.peerLabelsKnown,
      },
    })
      .setProtectedHeader({ alg: ALGORITHM, typ: "JWT" })
      .setExpirationTime(Math.floor(this.#now() / 1000) + TOKEN_LIFETIME)
      .sign(this.#key);
  }

  /** @param caller the name in the certificate of who shows the token. */
  async verify(token: string, caller: string): Promise<VerifiedToken> {
    let payload: Record<string, unknown>;
    try {
      const options = { algorithms: [ALGORITHM], currentDate: new Date(this.#now()), requiredClaims: ["exp"] };
      payload = (await jwtVerify(token, this.#key, options)).payload;
    } catch (error) {
      return { valid: false, reason: refusalOf(error) };
    }
    if (typeof payload["caller"] !== "string" || payload["caller"] === "") return { valid: false, reason: "no-caller" };
    if (payload["caller"] !== caller) return { valid: false, reason: "other-caller" };
    const { export_name: exportName, export_namespace: exportNamespace } = payload;
    const source = readSource(payload["source"]);
    if (typeof exportName !== "string" || typeof exportNamespace !== "string" || source === undefined) {
      return { valid: false, reason: "malformed" };
    }
    return { valid: true, grant: { exportName, exportNamespace, caller, source } };
  }
}

function refusalOf(error: unknown): TokenRefusal {
  if (error instanceof errors.JWTExpired) return "expired";
  if (error instanceof errors.JWSSignatureVerificationFailed || error instanceof errors.JOSEAlgNotAllowed) {
    return "bad-signature";
  }
  if (error instanceof errors.JOSEError) return "malformed";
  throw error;
}

function readSource(value: unknown): Attributes | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { values, client_known: clientKnown, peer_labels_known: peerLabelsKnown } = value as Record<string, unknown>;
  if (!isLabels(values) || typeof clientKnown !== "boolean" || typeof peerLabelsKnown !== "boolean") return undefined;
  return { values: Object.assign(Object.create(null) as Record<string, string>, values), clientKnown, peerLabelsKnown };
}
