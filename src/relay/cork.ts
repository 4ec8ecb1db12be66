/** A writer that holds bytes back until the event loop has seen to everything that was ready. */
export interface Corked {
  /** Writes what is held. @returns whether it is to be asked again after the next turn instead. */
  uncork(): boolean;
}

/** Up to this size a frame is held back, in bytes; what is larger gains nothing from company. */
export const CORK_SIZE = 20 * 1024;
/** Writers that may hold bytes at a time; who comes later writes at once. It bounds the memory. */
const MAX_CORKED = 64;

const spare: Uint8Array[] = [];
let lent = 0;
let corked: Corked[] = [];
let scheduled = false;

/**
 * Lends a buffer of {@link CORK_SIZE} until the end of this turn of the event loop, so that frames which become ready
 * together (an OPEN and its DATA, the last DATA and its FIN) leave as one TLS record with one system call.
 *
 * @returns nothing when too many have one already.
 */
export function cork(writer: Corked): Uint8Array | undefined {
  if (lent === MAX_CORKED) return undefined;
  lent += 1;
  corked.push(writer);
  schedule();
  return spare.pop() ?? new Uint8Array(CORK_SIZE);
}

/** Takes a buffer back. */
export function giveBack(buffer: Uint8Array): void {
  lent -= 1;
  spare.push(buffer);
}

function schedule(): void {
  if (scheduled) return;
  scheduled = true;
  setImmediate(uncorkAll);
}

function uncorkAll(): void {
  scheduled = false;
  const turn = corked;
  corked = [];
  for (const writer of turn) if (writer.uncork()) corked.push(writer);
  if (corked.length > 0) schedule();
}
