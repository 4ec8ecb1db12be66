/** A port that neither accepts nor refuses, on the local host: its listener is stopped and its backlog is full. */
import { atEnd } from "./teardown.ts";

const LISTENER = `
  const { port } = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  process.stdout.write(String(port), () => process.kill(process.pid, "SIGSTOP"));
`;
/** How long a connection to a port that still takes some could take, in milliseconds. */
const PATIENCE = 200;

/** @returns the port. A connection to it stays unanswered until the end of the test file. */
export async function blackHole(): Promise<number> {
  const child = Bun.spawn([process.execPath, "-e", LISTENER], { stdout: "pipe", stderr: "ignore" });
  atEnd(() => child.kill("SIGKILL"));
  const { value } = await child.stdout.getReader().read();
  const port = Number(Buffer.from(value as Uint8Array).toString());
  while (await isTaken(port)) {
    // One more place of the backlog is filled.
  }
  return port;
}

async function isTaken(port: number): Promise<boolean> {
  const socket = { data: () => undefined };
  const taken = Bun.connect({ hostname: "127.0.0.1", port, socket }).then(
    (connected) => {
      atEnd(() => connected.terminate());
      return true;
    },
    () => false,
  );
  return Promise.race([taken, Bun.sleep(PATIENCE).then(() => false)]);
}
