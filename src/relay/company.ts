/** Something that may leave now, or soon together with what is likely to follow it. */
export interface Waiting {
  leave(): void;
}

let arrived: Waiting[] = [];
let leaving: Waiting[] = [];
let scheduled = false;

/**
 * Calls `leave` after one more turn of the event loop: what an application says at once arrives in the turn after the one
 * that accepted it. When nothing else is ready, both turns take microseconds.
 */
export function waitForCompany(waiting: Waiting): void {
  arrived.push(waiting);
  if (scheduled) return;
  scheduled = true;
  setImmediate(turn);
}

function turn(): void {
  const now = leaving;
  leaving = arrived;
  arrived = [];
  for (const waiting of now) waiting.leave();
  scheduled = leaving.length > 0 || arrived.length > 0;
  if (scheduled) setImmediate(turn);
}
