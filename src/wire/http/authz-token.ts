/** The tokens that `/authz` gives and CONNECT shows: HS256 JWTs with the claims that ClusterLink's gateways read. */
import { createHmac, timingSafeEqual } from "node:crypto";
import type { Attributes } from "../../policy/attributes.ts";
import { isLabels } from "./peer-labels.ts";

/** How long a token is good for, in seconds. */
export const TOKEN_LIFETIME = 5;

/** RFC 7518 section 3.2: an HS256 key has at least as many bytes as the hash. */
const MIN_KEY = 32;

/** The protected header of our tokens, as it stands in them. */
const HEADER = encode({ alg: "HS256", typ: "JWT" });

/** RFC 7515 section 7.1: header, payload and signature, in base64url without padding. */
const COMPACT = /^([\w-]+)\.([\w-]+)\.([\w-]*)$/;

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

/**
 * Issues and verifies the tokens of one site. Every gateway of the site has the same key. Two tokens are needed for every
 * connection, so the little of RFC 7515 that they take is here, without a promise.
 */
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
  issue({ exportName, exportNamespace, caller, source }: AuthzGrant): string {
    const payload = encode({
      export_name: exportName,
      export_namespace: exportNamespace,
      caller,
      source: {
        values: source.values,
        client_known: source.clientKnown,
        peer_labels_known: source.peerLabelsKnown,
      },
      exp: Math.floor(this.#now() / 1000) + TOKEN_LIFETIME,
    });
    const signed = `${HEADER}.${payload}`;
    return `${signed}.${this.#sign(signed).toString("base64url")}`;
  }

  /** @param caller the name in the certificate of who shows the token. */
  verify(token: string, caller: string): VerifiedToken {
    const [, header = "", body = "", signature = ""] = COMPACT.exec(token) ?? [];
    const protection = decode(header);
    if (protection === undefined) return refused("malformed");
    // RFC 7515 section 4.1.11: extensions that are not understood, and we understand none, make it invalid.
    if (protection["alg"] !== "HS256" || "crit" in protection) return refused("bad-signature");
    const mac = this.#sign(`${header}.${body}`);
    const shown = Buffer.from(signature, "base64url");
    if (shown.length !== mac.length || !timingSafeEqual(shown, mac)) return refused("bad-signature");
    const payload = decode(body);
    const expires = payload?.["exp"];
    if (payload === undefined || typeof expires !== "number") return refused("malformed");
    if (expires <= Math.floor(this.#now() / 1000)) return refused("expired");
    if (typeof payload["caller"] !== "string" || payload["caller"] === "") return refused("no-caller");
    if (payload["caller"] !== caller) return refused("other-caller");
    const { export_name: exportName, export_namespace: exportNamespace } = payload;
    const source = readSource(payload["source"]);
    if (typeof exportName !== "string" || typeof exportNamespace !== "string" || source === undefined) {
      return refused("malformed");
    }
    return { valid: true, grant: { exportName, exportNamespace, caller, source } };
  }

  #sign(text: string): Buffer {
    return createHmac("sha256", this.#key).update(text).digest();
  }
}

function refused(reason: TokenRefusal): VerifiedToken {
  return { valid: false, reason };
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

/** @returns the object that a part of a token holds; undefined when it holds none. */
function decode(part: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(part, "base64url")));
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

function readSource(value: unknown): Attributes | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { values, client_known: clientKnown, peer_labels_known: peerLabelsKnown } = value as Record<string, unknown>;
  if (!isLabels(values) || typeof clientKnown !== "boolean" || typeof peerLabelsKnown !== "boolean") return undefined;
  return { values: Object.assign(Object.create(null) as Record<string, string>, values), clientKnown, peerLabelsKnown };
}
