/** The name, label, host and port rules (RFC 1123, RFC 1035 and the label syntax of Kubernetes), as zod schemas. */
import { z } from "zod";
import { hasHostBits, isHostName, parseAddress, parseCidr } from "./address.ts";
import { DNS_LABEL, isLabelKey, LABEL_VALUE, QUALIFIED_NAME } from "./label-syntax.ts";

export { isLabelKey, isLabelValue } from "./label-syntax.ts";

const DNS_SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

const LABEL_VALUE_RULE =
  "a label value consists of letters, digits, '-', '_' or '.', with a letter or digit at both ends, or is empty (for example 'frontend')";
const QUALIFIED_NAME_RULE =
  "a key is 1-63 letters, digits, '-', '_' or '.', with a letter or digit at both ends, after an optional DNS subdomain and '/' (for example 'app' or 'example.com/app')";

/** RFC 1123 label: 1–63 of a–z, 0–9 and "-", alphanumeric at both ends. */
export const dnsLabel = z
  .string()
  .max(63)
  .regex(
    DNS_LABEL,
    "a lowercase RFC 1123 label consists of a-z, 0-9 or '-', with a letter or digit at both ends (for example 'my-name')",
  );

/** RFC 1123 subdomain: dot-separated labels, 253 characters at most. */
export const dnsSubdomain = z
  .string()
  .max(253)
  .regex(
    DNS_SUBDOMAIN,
    "a lowercase RFC 1123 subdomain consists of a-z, 0-9, '-' or '.', with a letter or digit at both ends of every part (for example 'my-name' or 'my-name.example')",
  );

/** A qualified name: an optional DNS subdomain and "/", then 1–63 of letters, digits, "-", "_", ".". */
export const labelKey = z.string().max(317).regex(QUALIFIED_NAME, QUALIFIED_NAME_RULE);

/** 0–63 of letters, digits, "-", "_", ".", alphanumeric at both ends. */
export const labelValue = z.string().max(63).regex(LABEL_VALUE, LABEL_VALUE_RULE);

/** RFC 1035 label, which a Kubernetes Service's name must be: as RFC 1123, but it begins with a letter. */
export function isRfc1035Label(text: string): boolean {
  return text.length <= 63 && /^[a-z]([-a-z0-9]*[a-z0-9])?$/.test(text);
}

const ATTRIBUTE_LABEL_KEY = /^(?:client|peer|export)\.clusterlink\.net\/labels\.(.+)$/;

/** A key that a policy selects by: a label key, or `…clusterlink.net/labels.` and a label key, whatever its own prefix. */
export const attributeKey = z
  .string()
  .min(1)
  .max(400)
  .refine((key) => isLabelKey(ATTRIBUTE_LABEL_KEY.exec(key)?.[1] ?? key), QUALIFIED_NAME_RULE);

/** A value of an attribute: like a label value, but as long as a name may be (253). */
export const attributeValue = z.string().max(253).regex(LABEL_VALUE, LABEL_VALUE_RULE);

/** A TCP port. */
export const port = z.int().min(1).max(65535).meta({ format: "int32" });

const HOST_RULE =
  "must be an IPv4 or IPv6 address without brackets, or a DNS name (for example '192.0.2.1', '2001:db8::1' or 'db.example')";

/** An IPv4 or IPv6 address, without brackets, or a DNS name. */
export const host = z
  .string()
  .min(1)
  .max(253)
  .refine((text) => !text.startsWith("[") && (parseAddress(text) !== undefined || isHostName(text)), HOST_RULE)
  .meta({ pattern: "^[A-Za-z0-9_.:%-]+$" });

/** An address block in CIDR notation, without host bits. */
export const cidr = z
  .string()
  .max(64)
  .refine((text) => parseCidr(text) !== undefined && !hasHostBits(text), {
    error: ({ input }) =>
      typeof input === "string" && hasHostBits(input)
        ? "must have no bits set beyond its prefix; write the network's first address, or /32 (IPv4) or /128 (IPv6) for one host"
        : "must be a CIDR (for example '10.0.0.0/8', '192.0.2.7/32' or 'fd00::/64')",
  })
  .meta({ pattern: "^[0-9a-fA-F.:]+/[0-9]+$" });
