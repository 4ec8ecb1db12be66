/**
 * Applications at one end of a wide-area link, in a process of its own because it has to be in a network namespace.
 * It prints JSON: whether somebody accepts, or times in milliseconds.
 *
 *     bun bench/wan-client.ts probe HOST PORT               whether somebody accepts connections
 *     bun bench/wan-client.ts first-byte HOST PORT COUNT    of COUNT connections, one after the other: the time from
 *                                                           connect() to the first byte of the reply to a request that
 *                                                           is sent as soon as there is a connection
 *     bun bench/wan-client.ts download HOST PORT COUNT      the same, to the last byte of a reply of 1 MiB by HTTP
 *     bun bench/wan-client.ts ping HOST PORT SECONDS        over each of four connections, a message every 20 ms whether
 *                                                           the last was answered or not: the time to each answer
 *
 * But for `download`, the service must send back what it gets.
 */
import { accepts, LOOPBACK } from "./ports.ts";

/** Connections to itself by which the client warms up, so that none of its own compiling is measured. */
const REHEARSALS = 50;
/** One that stalls decides what one in a hundred messages takes: several make the figure steadier. */
const PING_CONNECTIONS = 4;
const PING_INTERVAL_MS = 20;
const PING_BYTES = 8;
/** How long the last answers may take. */
const PING_LINGER_MS = 5_000;
/** Of the reply that is downloaded, without its head: so much of it is waited for. */
const DOWNLOAD_BYTES = 1_048_576;
const DOWNLOAD = `GET /bytes/${DOWNLOAD_BYTES} HTTP/1.0\r\n\r\n`;

/** @returns the time from connect() to so many bytes of the reply, in milliseconds. */
async function replyTime(hostname: string, port: number, request: string, bytes: number): Promise<number> {
  let missing = bytes;
  const replied = Promise.withResolvers<number>();
  const closed = Promise.withResolvers<void>();
  const fail = () => replied.reject(new Error("the connection was lost before its reply"));
  const started = performance.now();
  const socket = await Bun.connect({
    hostname,
    port,
    socket: {
      open(socket) {
        socket.write(request);
      },
      data(_, chunk) {
        missing -= chunk.length;
        if (missing <= 0) replied.resolve(performance.now() - started);
      },
      close() {
        fail();
        closed.resolve();
      },
      error: fail,
    },
  });
  const time = await replied.promise;
  socket.end();
  await closed.promise;
  return time;
}

async function firstBytes(host: string, port: number, count: number): Promise<number[]> {
  await rehearse();
  return oneByOne(count, () => replyTime(host, port, "?", 1));
}

function downloads(host: string, port: number, count: number): Promise<number[]> {
  return oneByOne(count, () => replyTime(host, port, DOWNLOAD, DOWNLOAD_BYTES));
}

async function rehearse(): Promise<void> {
  const own = Bun.listen({
    hostname: LOOPBACK,
    port: 0,
    socket: {
      data(socket, bytes) {
        socket.write(bytes);
      },
    },
  });
  await oneByOne(REHEARSALS, () => replyTime(LOOPBACK, own.port, "?", 1));
  own.stop(true);
}

async function oneByOne(count: number, measure: () => Promise<number>): Promise<number[]> {
  const times: number[] = [];
  while (times.length < count) times.push(await measure());
  return times;
}

async function ping(hostname: string, port: number, seconds: number): Promise<number[]> {
  const sent: number[] = [];
  const times: number[] = [];
  let bytes = 0;
  const lost = () => {
    process.stderr.write("the connection was lost\n");
    process.exit(1);
  };
  const socket = await Bun.connect({
    hostname,
    port,
    socket: {
      data(_, chunk) {
        const now = performance.now();
        bytes += chunk.length;
        while ((times.length + 1) * PING_BYTES <= bytes) times.push(now - (sent[times.length] ?? now));
      },
      close: lost,
      error: lost,
    },
  });
  socket.setNoDelay(true);
  const total = (seconds * 1000) / PING_INTERVAL_MS;
  const started = performance.now();
  while (sent.length < total) {
    sent.push(performance.now());
    socket.write(new Uint8Array(PING_BYTES));
    await Bun.sleep(Math.max(0, started + sent.length * PING_INTERVAL_MS - performance.now()));
  }
  const deadline = performance.now() + PING_LINGER_MS;
  while (times.length < total && performance.now() < deadline) await Bun.sleep(1);
  if (times.length < total) throw new Error(`${total - times.length} of ${total} messages were not answered`);
  return times;
}

async function pings(host: string, port: number, seconds: number): Promise<number[]> {
  const connections = Array.from({ length: PING_CONNECTIONS }, () => ping(host, port, seconds));
  return (await Promise.all(connections)).flat();
}

const [role, host = "", port = "", amount = ""] = process.argv.slice(2);
const roles: Record<string, () => Promise<unknown>> = {
  probe: () => accepts({ host, port: Number(port) }),
  "first-byte": () => firstBytes(host, Number(port), Number(amount)),
  download: () => downloads(host, Number(port), Number(amount)),
  ping: () => pings(host, Number(port), Number(amount)),
};
const result = await roles[role ?? ""]?.();
process.stdout.write(`${JSON.stringify(result)}\n`);
process.exit(0);
