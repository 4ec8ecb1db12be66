/** Who a connection comes from, as the options of `explain` say it and as a shell takes it back. */
import { CLIENT_LABEL_PREFIX, CLIENT_NAMESPACE, CLIENT_PREFIX, CLIENT_SERVICE_ACCOUNT } from "../policy/attributes.ts";
import { canonicalAddress } from "../resources/address.ts";
import type { ClientQuery } from "../snapshot/status.ts";
import { CliError } from "./errors.ts";

/**
 * Reads `--client`: an IP address, or attributes such as `namespace=shop,labels.app=web`.
 *
 * Throws a usage error for what is neither, since it would be taken for a client that nobody can identify.
 */
export function readClient(text: string): ClientQuery {
  if (text.includes("=")) return { attributes: readAttributes(text) };
  const address = text.replace(/^\[(.*)\]$/, "$1");
  if (canonicalAddress(address) === undefined) {
    throw wrong(
      text,
      "is no IP address: write for example 10.0.0.7, or attributes such as namespace=shop,labels.app=web",
    );
  }
  return { address };
}

/** @returns the value of `--client` that says the same as these attributes; none for an unidentified client. */
export function clientText(attributes: Readonly<Record<string, string>>): string | undefined {
  const pairs = Object.entries(attributes).filter(([key]) => key.startsWith(CLIENT_PREFIX));
  if (pairs.length === 0) return undefined;
  return pairs.map(([key, value]) => `${key.slice(CLIENT_PREFIX.length)}=${value}`).join(",");
}

function readAttributes(text: string): Record<string, string> {
  const attributes: Record<string, string> = {};
  for (const pair of text.split(",").filter((part) => part !== "")) {
    const at = pair.indexOf("=");
    if (at <= 0) throw wrong(text, `has '${pair}', which is no KEY=VALUE`);
    attributes[attributeKey(pair.slice(0, at), text)] = pair.slice(at + 1);
  }
  if (attributes[CLIENT_NAMESPACE] === undefined) {
    throw wrong(text, "has no namespace, without which a client counts as unidentified: add namespace=NAMESPACE");
  }
  return attributes;
}

function attributeKey(word: string, text: string): string {
  const key = word.startsWith(CLIENT_PREFIX) ? word : `${CLIENT_PREFIX}${word}`;
  const label = key.startsWith(CLIENT_LABEL_PREFIX) && key.length > CLIENT_LABEL_PREFIX.length;
  if (label || key === CLIENT_NAMESPACE || key === CLIENT_SERVICE_ACCOUNT) return key;
  throw wrong(text, `has '${word}', which is no attribute of a client: use namespace, service-account or labels.KEY`);
}

function wrong(text: string, why: string): CliError {
  return new CliError("usage", `--client '${text}' ${why}`);
}
