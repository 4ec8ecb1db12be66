/** What a handler throws is a defect, and takes one connection with it: neither the others nor the process. */
import { afterAll, describe, expect, test } from "bun:test";
import { NOBODY, type RelaySocket, type SocketUser, socketHandlers } from "../../src/relay/socket.ts";

const defects: string[] = [];
const handlers = socketHandlers((error) => defects.push((error as Error).message));

/** Echoes, but throws at what begins with `!`, and once more when it is told that the connection is gone. */
const fragile: SocketUser = {
  ...NOBODY,
  onData(socket: RelaySocket, chunk: Uint8Array) {
    if (chunk[0] === 0x21) throw new TypeError("a defect");
    socket.write(chunk);
    return true;
  },
  onClose(_socket, error) {
    if (error !== undefined) throw new RangeError(`another after ${error.message}`);
  },
};

const listener = Bun.listen<SocketUser>({ hostname: "127.0.0.1", port: 0, data: fragile, socket: handlers });

afterAll(() => listener.stop(true));

/** @returns what comes back for the text: the answer, or how the connection ended. */
async function say(text: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port: listener.port,
    socket: {
      data: (_, bytes) => resolve(bytes.toString()),
      close: (_, error) => resolve((error as NodeJS.ErrnoException | undefined)?.code ?? "closed"),
    },
  });
  socket.write(text);
  const answer = await promise;
  socket.end();
  return answer;
}

describe("a handler that throws", () => {
  test("resets its own connection, is told of, and leaves the others alone", async () => {
    expect(await say("!")).toBe("ECONNRESET");
    expect(defects).toEqual(["a defect", "another after a defect"]);
    expect(await say("hello")).toBe("hello");
  });
});
