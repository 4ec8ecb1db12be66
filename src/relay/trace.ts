/** Random bytes drawn from the system at a time; a trace takes 24. */
const POOL_SIZE = 24 * 128;

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
