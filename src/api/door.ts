/** Where an app is served. */

export interface Door {
  /**
   * Stops accepting, lets requests that are under way end for up to `grace` milliseconds, then cuts them. Watches do
   * not end by themselves: abort {@link ApiDeps.closing} first.
   */
  close(grace: number): Promise<void>;
}

export type DoorErrorCode = "PathTooLong" | "NotASocket" | "Listen";

/** A door that cannot be opened; the message names the place and the remedy. */
export class DoorError extends Error {
  constructor(
    readonly code: DoorErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = "DoorError";
  }
}

/** Stops a server: requests under way have `grace` milliseconds, then they are cut. */
export async function stopServer(server: Bun.Server<undefined>, grace: number): Promise<void> {
  const done = server.stop(false);
  const deadline = Date.now() + grace;
  while (server.pendingRequests > 0 && Date.now() < deadline) await Bun.sleep(10);
  await server.stop(true);
  await done;
}
