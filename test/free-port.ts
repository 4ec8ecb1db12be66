/**
 * Free ports for what listens later. They lie above those that Linux, unless told otherwise, gives to connections and to
 * whoever asks for any port: what was free a moment ago stays so. A port that two had been given made an import's clients reach another service.
 */
const FIRST = 61_000;
const LAST = 65_535;

/** Runs on one machine begin at different places. */
let last = FIRST + Math.floor(Math.random() * (LAST - FIRST));

function isFree(port: number): boolean {
  try {
    Bun.listen({ hostname: "127.0.0.1", port, socket: { data() {} } }).stop(true);
    return true;
  } catch {
    return false;
  }
}

/** @returns a port of 127.0.0.1 on which nobody listens, and which no other call returns for the next 4,535. */
export function freePort(): number {
  for (let tried = FIRST; tried <= LAST; tried++) {
    last = last === LAST ? FIRST : last + 1;
    if (isFree(last)) return last;
  }
  throw new Error(`every port from ${FIRST} to ${LAST} is taken`);
}
