/** The dialects between gateways: ALPN (RFC 7301) chooses one at every handshake. */
import { ALPN } from "./frames.ts";

/** What is offered and accepted, the better one first; a gateway that knows neither name speaks HTTP/1.1. */
const DIALECTS = [ALPN, "http/1.1"];

/** The list as TLS libraries take it: each name prefixed by its length. */
export const ALPN_LIST: string = DIALECTS.map((name) => String.fromCharCode(name.length) + name).join("");
