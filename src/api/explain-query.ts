import type { Fault } from "../resources/faults.ts";
import { dnsLabel, dnsSubdomain } from "../resources/names.ts";
import type { ClientQuery, ExplainQuery } from "../snapshot/status.ts";
import { invalidParameters } from "./status-error.ts";

const KNOWN = ["import", "export", "peer", "client", "attribute"];

/**
 * Reads the question of `/explain` from its query: `import=NAMESPACE/NAME`, or `export=NAMESPACE/NAME` and `peer=NAME`;
 * and who asks: `client=ADDRESS`, or any number of `attribute=KEY=VALUE`; neither is a client that nobody can identify.
 * @throws {ApiError} 422 that names every wrong parameter
 */
export function readExplainQuery(query: URLSearchParams): ExplainQuery {
  const faults: Fault[] = [];
  const refuse = (path: string, message: string) => void faults.push({ path, type: "FieldValueInvalid", message });
  for (const name of new Set(query.keys()))
    if (!KNOWN.includes(name)) refuse(name, `unknown; give ${KNOWN.join(", ")}`);

  const key = (name: string): string => {
    const value = query.get(name) ?? "";
    const [namespace = "", object = "", ...rest] = value.split("/");
    const sound = rest.length === 0 && dnsLabel.safeParse(namespace).success && dnsSubdomain.safeParse(object).success;
    if (!sound) refuse(name, `Invalid value: ${JSON.stringify(value.slice(0, 120))}: must be NAMESPACE/NAME`);
    return value;
  };

  const client = readClient(query, refuse);
  const server = query.has("export") || query.has("peer");
  if (server && query.has("import")) refuse("import", "give either import, or export and peer");
  if (server && !dnsSubdomain.safeParse(query.get("peer") ?? "").success) refuse("peer", "must be the name of a peer");
  const question: ExplainQuery = server
    ? { side: "server", export: key("export"), peer: query.get("peer") ?? "", client }
    : { side: "client", import: key("import"), client };
  if (faults.length > 0) throw invalidParameters(faults);
  return question;
}

function readClient(query: URLSearchParams, refuse: (path: string, message: string) => void): ClientQuery {
  const address = query.get("client");
  const pairs = query.getAll("attribute");
  if (address !== null && pairs.length > 0) refuse("attribute", "give either client or attribute");
  if (address !== null) return { address };
  const attributes: Record<string, string> = {};
  for (const pair of pairs) {
    const at = pair.indexOf("=");
    if (at <= 0) refuse("attribute", `Invalid value: ${JSON.stringify(pair.slice(0, 120))}: must be KEY=VALUE`);
    else attributes[pair.slice(0, at)] = pair.slice(at + 1);
  }
  return { attributes };
}
