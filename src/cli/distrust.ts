/** What to do about a server whose certificate proves nothing. */
import type { ServerTarget } from "./server.ts";

/** @returns the remedy for a TLS failure, by the code that the runtime gives it. */
export function distrustRemedy(
  code: string,
  { url, ca, serverName }: Extract<ServerTarget, { kind: "https" }>,
): string {
  if (code.includes("ALTNAME")) {
    const expected = serverName ?? new URL(url).hostname;
    return `its certificate is not for '${expected}'; give the name of the site that is there with --tls-server-name`;
  }
  if (code.includes("EXPIRED"))
    return "its certificate, or its CA's, has expired; renew it, or set this machine's clock";
  if (code.includes("NOT_YET_VALID")) return "its certificate is not valid yet; set this machine's clock";
  const fabric =
    ca === undefined ? "name the fabric's cert.pem with --ca" : "--ca names the cert.pem of another fabric";
  return `${fabric}${serverName === undefined ? ", and the site with --tls-server-name" : ""}`;
}
