/** Random bytes drawn from the system at a time; a trace takes 24. */
const POOL_SIZE = 24 * 128;

/** W3C Trace Context, level 1, section 3.2. */
const TRACE = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

const pool = Buffer.alloc(POOL_SIZE);
let used = POOL_SIZE;

/** @returns a new `traceparent` (W3C Trace Context, level 1), by which both sites' access logs name one connection. */
export function newTrace(): string {
  if (used === POOL_SIZE) {
    crypto.getRandomValues(pool);
    used = 0;
  }
  const trace = pool.toString("hex", used, used + 16);
  const parent = pool.toString("hex", used + 16, used + 24);
  used += 24;
  return `00-${trace}-${parent}-01`;
}

/** @returns the `traceparent` as it is, or an empty text where it is none: it comes from the other side. */
export function validTrace(text: string): string {
  return TRACE.test(text) ? text : "";
}
