/**
 * What a test file has started ends with it. All files run in one process, and a relay that is left over would go on
 * dialling ports that by then are somebody else's. Every file says `afterAll(tearDown)`.
 */
const running: (() => unknown)[] = [];

/** Remembers how to end something. */
export function atEnd(end: () => unknown): void {
  running.push(end);
}

/** Ends everything that has been started so far. */
export async function tearDown(): Promise<void> {
  await Promise.all(running.splice(0).map((end) => end()));
}
