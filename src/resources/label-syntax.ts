/** The syntax of names and labels by itself: what only asks about a text need not load the schemas. */

/** RFC 1123 label, but for its length. */
export const DNS_LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

/** An optional DNS subdomain and "/", then the name. */
export const QUALIFIED_NAME =
  /^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;

/** The value of a label, but for its length. */
export const LABEL_VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/;

/** @returns whether the text is an RFC 1123 label, as namespaces are. */
export function isDnsLabel(text: string): boolean {
  return text.length <= 63 && DNS_LABEL.test(text);
}

/** @returns whether the text is a label key: a name of up to 63 characters after an optional subdomain and "/". */
export function isLabelKey(text: string): boolean {
  return text.indexOf("/") <= 253 && QUALIFIED_NAME.test(text);
}

/** @returns whether the text is a label value. */
export function isLabelValue(text: string): boolean {
  return text.length <= 63 && LABEL_VALUE.test(text);
}
