/** Warnings beside an answer (RFC 7234, section 5.5), as Kubernetes sends them: clients print them. */

/** Characters of one warning, and of all of an answer: as in Kubernetes' API server. */
const LONGEST = 256;
const ALL = 4 * 1024;

/**
 * @param send - adds a header field `Warning`
 * @returns what sends each warning once. Beyond a length that clients read, the rest is left out.
 */
export function createWarner(send: (header: string) => void): (message: string) => void {
  const warned = new Set<string>();
  let room = ALL;
  return (message) => {
    const text = printable(message.length > LONGEST ? `${message.slice(0, LONGEST)}...` : message);
    if (warned.has(text) || text.length > room) return;
    warned.add(text);
    room -= text.length;
    send(`299 - "${text.replaceAll(/[\\"]/g, "\\$&")}"`);
  };
}

/** A field's name may have any character, a header field only some: the others are written as JSON would escape them. */
function printable(text: string): string {
  return text.replaceAll(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
