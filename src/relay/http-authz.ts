import { objectKey } from "../resources/meta.ts";
import { encodeAuthzGrant, parseAuthzRequest } from "../wire/http/authz.ts";
import { AuthzTokens, type TokenRefusal, type VerifiedToken } from "../wire/http/authz-token.ts";
import { bearerToken } from "../wire/http/connect.ts";
import { encodeTextResponse } from "../wire/http/encode.ts";
import { HttpFault } from "../wire/http/errors.ts";
import type { Fields } from "../wire/http/fields.ts";
import type { RelayContext } from "./context.ts";
import { Ingress, type IngressRequest } from "./ingress.ts";

/** Who sends a request: what its certificate says, never what the request says. */
export interface Caller {
  name: string;
  /** For the access log. */
  id: string;
  /** W3C `traceparent`, or empty. */
  trace: string;
}

/** How a CONNECT is answered that opens no stream. */
export interface Refused {
  status: number;
  reason: string;
}

/** The longest names, in characters: those of Kubernetes. */
const MAX_NAMESPACE = 63;
const MAX_NAME = 253;
/** The longest token, in bytes: with it a head still fits what gateways read. */
const MAX_TOKEN = 32 * 1024;

/** What `/authz` and CONNECT decide for the peers of one relay that speak HTTP/1.1. */
export class HttpAuthz {
  /** By their keys: those that the site has at present. */
  readonly #known = new Map<string, AuthzTokens | undefined>();

  constructor(private readonly context: RelayContext) {}

  /**
   * @param close says in the answer that the connection is closed after it
   * @returns the answer to `POST /authz`.
   * @throws HttpFault for a malformed request.
   */
  authorize(caller: Caller, body: Uint8Array, close: boolean): Uint8Array {
    const tokens = this.#tokens();
    if (tokens === undefined) return encodeTextResponse(503, NO_KEY, close);
    const { exportName, exportNamespace, claims } = parseAuthzRequest(body);
    if (exportName.length > MAX_NAME || exportNamespace.length > MAX_NAMESPACE) {
      throw new HttpFault(400, "ServiceName or ServiceNamespace is too long");
    }
    const source = this.context.state.remoteSource(caller.name, claims, "http");
    const key = objectKey(exportNamespace, exportName);
    const ingress = new Ingress(this.context, { ...request(caller), key, attributes: source });
    const admission = ingress.admit();
    if ("refusal" in admission) {
      const { code, reason } = admission.refusal;
      ingress.end(code, admission.why);
      const status = code === "not-found" ? 404 : code === "denied" ? 403 : 503;
      return encodeTextResponse(status, reason, close);
    }
    const token = tokens.issue({ exportName, exportNamespace, caller: caller.name, source });
    if (token.length > MAX_TOKEN) throw new HttpFault(413, "SrcAttributes is too large");
    return encodeAuthzGrant(token, close);
  }

  /**
   * @param fields of the CONNECT
   * @returns what its token is for, to be decided about again; or how to refuse it.
   */
  redeem(caller: Caller, fields: Fields): IngressRequest | Refused {
    const tokens = this.#tokens();
    if (tokens === undefined) return { status: 503, reason: NO_KEY };
    const shown = bearerToken(fields);
    if ("fault" in shown) return this.#refuse(caller, 400, NO_TOKEN[shown.fault]);
    const verified = this.#verify(shown.token, caller.name, tokens);
    if (!verified.valid) return this.#refuse(caller, 403, BAD_TOKEN[verified.reason]);
    const { exportName, exportNamespace, source } = verified.grant;
    return { ...request(caller), key: objectKey(exportNamespace, exportName), attributes: source };
  }

  #refuse(caller: Caller, status: 400 | 403, reason: string): Refused {
    const attributes = this.context.state.remoteSource(caller.name, {}, "http");
    new Ingress(this.context, { ...request(caller), key: "", attributes }).end(
      status === 400 ? "malformed" : "denied",
      reason,
    );
    return { status, reason };
  }

  /** While the site's key is being replaced, there are others whose tokens are good. */
  #verify(token: string, caller: string, tokens: AuthzTokens): VerifiedToken {
    const first = tokens.verify(token, caller);
    if (first.valid || first.reason !== "bad-signature") return first;
    for (const key of this.context.state.site.acceptedAuthzKeys ?? []) {
      const other = this.#tokensOf(key)?.verify(token, caller);
      if (other !== undefined && (other.valid || other.reason !== "bad-signature")) return other;
    }
    return first;
  }

  #tokens(): AuthzTokens | undefined {
    const { authzKey, acceptedAuthzKeys = [] } = this.context.state.site;
    for (const key of this.#known.keys()) {
      if (key !== authzKey && !acceptedAuthzKeys.includes(key)) this.#known.delete(key);
    }
    return this.#tokensOf(authzKey);
  }

  /** The key may come from a Secret that somebody else wrote. */
  #tokensOf(key: string): AuthzTokens | undefined {
    if (!this.#known.has(key)) {
      this.#known.set(key, undefined);
      try {
        this.#known.set(key, new AuthzTokens(Buffer.from(key, "base64"), Date.now));
      } catch (error) {
        this.context.log.error("peers that speak HTTP/1.1 cannot connect", { error });
      }
    }
    return this.#known.get(key);
  }
}

const NO_KEY = "this gateway has no key to sign tokens with";

const NO_TOKEN = { missing: "there is no token", "not-bearer": "the authorization is no bearer token" } as const;

const BAD_TOKEN: Readonly<Record<TokenRefusal, string>> = {
  malformed: "the token is malformed",
  "bad-signature": "the token is not of this site",
  expired: "the token has expired",
  "no-caller": "the token names no caller",
  "other-caller": "the token is another site's",
};

function request({ name, id, trace }: Caller): Pick<IngressRequest, "id" | "peer" | "trace"> {
  return { id, peer: name, trace };
}
