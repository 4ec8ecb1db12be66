/** A door of the API on a unix socket. */
import { lstatSync, rmSync } from "node:fs";
import type { Hono } from "hono";
import { MAX_BODY } from "./body.ts";
import type { ApiEnv } from "./deps.ts";
import { type Door, DoorError, stopServer } from "./door.ts";

/** `sun_path` has 108 bytes on Linux, one of them the terminator (unix(7)). */
const MAX_PATH = 107;

/**
 * Watches are quiet for long. Before a request's head is complete Bun ends a connection by itself after 12 s.
 * Bun's types forbid the option together with `unix`, and `object` hides it from them; it works.
 */
const QUIET_WATCHES: object = { idleTimeout: 0 };

/**
 * Serves an app on a unix socket of mode 0600. A socket file that an earlier process left is replaced; whoever calls
 * this holds the lock of the state folder, so that nobody else can be listening on it.
 * @throws {DoorError} where the path is too long, taken by something that is no socket, or cannot be bound
 */
export function openUnixDoor(path: string, app: Hono<ApiEnv>): Door {
  const length = Buffer.byteLength(path);
  if (length > MAX_PATH) {
    throw new DoorError(
      "PathTooLong",
      `the socket path ${path} has ${length} bytes, at most ${MAX_PATH} are possible; choose a shorter one`,
    );
  }
  removeStale(path);
  const umask = process.umask(0o177);
  try {
    const server = Bun.serve({
      unix: path,
      ...QUIET_WATCHES,
      maxRequestBodySize: 4 * MAX_BODY,
      development: false,
      fetch: (request) => app.fetch(request),
    });
    return {
      async close(grace) {
        await stopServer(server, grace);
        rmSync(path, { force: true });
      },
    };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new DoorError("Listen", `cannot listen on the socket ${path}: ${why}`, { cause });
  } finally {
    process.umask(umask);
  }
}

function removeStale(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket())
    throw new DoorError("NotASocket", `${path} is there already and is no socket; remove it or choose another path`);
  rmSync(path, { force: true });
}
