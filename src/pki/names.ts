/** The names of sites and fabrics. */

/**
 * Whether this can name a site or a fabric: a lower-case DNS name (RFC 1123) of labels of at most 63 characters and
 * 253 in all. It names Peer resources, stands in certificates as a DNS SAN, and is sent as SNI.
 */
export function isSiteName(name: string): boolean {
  return name.length <= 253 && SITE_NAME.test(name);
}

/** What {@link isSiteName} asks for, in words. */
export const SITE_NAME_RULE =
  "must be a DNS name: labels of a-z, 0-9 and '-' joined by '.', each at most 63 characters and 253 in all, for example 'berlin'";

const LABEL = "[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?";
const SITE_NAME = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);
