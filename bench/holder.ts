/**
 * Holds many idle connections, in a process of its own because a process may have 20,000 descriptors only.
 *
 *     bun bench/holder.ts echo HOST PORT           listens, and sends back what it gets
 *     bun bench/holder.ts hold HOST PORT COUNT     opens COUNT connections, sends a byte on each and waits for its return;
 *                                                  then prints "held", and holds them until it is ended
 */

/** Connections that are being opened at a time. */
const AT_ONCE = 64;

function listenAndEcho(hostname: string, port: number): void {
  Bun.listen({
    hostname,
    port,
    socket: {
      data(socket, bytes) {
        socket.write(bytes);
      },
    },
  });
}

async function hold(hostname: string, port: number, count: number): Promise<void> {
  let left = count;
  const opener = async () => {
    while (left-- > 0) await open(hostname, port);
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, count) }, opener));
  process.stdout.write("held\n");
}

async function open(hostname: string, port: number): Promise<void> {
  const returned = Promise.withResolvers<void>();
  const lost = () => {
    process.stderr.write("a connection was lost\n");
    process.exit(1);
  };
  await Bun.connect({
    hostname,
    port,
    socket: {
      open(socket) {
        socket.write("?");
      },
      data() {
        returned.resolve();
      },
      close: lost,
      error: lost,
    },
  });
  await returned.promise;
}

export {};

const [role, host = "", port = "", count = ""] = process.argv.slice(2);
if (role === "echo") listenAndEcho(host, Number(port));
else await hold(host, Number(port), Number(count));
