/** Waiting for what other processes do. */

/** Waits until `condition` holds, asked every 20 ms. @throws {Error} after `limit` ms, or what `condition` throws */
export async function until(what: string, condition: () => boolean | Promise<boolean>, limit = 20_000): Promise<void> {
  const deadline = performance.now() + limit;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${limit / 1000} s: ${what}`);
    await Bun.sleep(20);
  }
}
