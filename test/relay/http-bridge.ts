/**
 * Makes two of ours speak HTTP/1.1 to each other: a man in the middle who has both sites' certificates and knows no
 * other ALPN name. It passes on bytes, FIN and resets, and nothing else.
 */
import { afterAll } from "bun:test";
import { Deadlines } from "../../src/relay/deadlines.ts";
import { Descriptors } from "../../src/relay/descriptors.ts";
import { Dial } from "../../src/relay/dial.ts";
import { EarlyData } from "../../src/relay/early-data.ts";
import { countedHandlers, NOBODY, type RelaySocket, type SocketUser } from "../../src/relay/socket.ts";
import { TcpEndpoint } from "../../src/relay/tcp-endpoint.ts";
import type { CertificateEntry } from "../../src/snapshot/tables.ts";
import { onDefect } from "./sockets.ts";

const HTTP = "\x08http/1.1";
const descriptors = new Descriptors();
const context = { deadlines: new Deadlines(), descriptors, handlers: countedHandlers(descriptors, onDefect) };
afterAll(() => context.deadlines.stop());

/** @returns a port that leads to the site `acceptor`, as the site `dialler`. */
export function bridge(dialler: CertificateEntry, acceptor: CertificateEntry, port: number): number {
  const { ca, cert, key } = acceptor;
  const listener = Bun.listen<SocketUser>({
    hostname: "127.0.0.1",
    port: 0,
    allowHalfOpen: true,
    data: NOBODY,
    tls: { ca, cert, key, requestCert: true, rejectUnauthorized: false, ALPNProtocols: HTTP },
    socket: {
      ...context.handlers,
      open(socket: RelaySocket) {
        descriptors.take();
        socket.data = { ...NOBODY, onHandshake: () => join(socket, dialler, acceptor.name, port) };
      },
    },
  });
  afterAll(() => void listener.stop(true));
  return listener.port;
}

function join(socket: RelaySocket, { ca, cert, key }: CertificateEntry, serverName: string, port: number): void {
  const early = new EarlyData();
  const owner = {
    onFinished() {},
    onReset() {
      here.reset();
      there?.reset();
    },
  };
  const here = new TcpEndpoint(socket, early, owner);
  let there: TcpEndpoint | undefined;
  const tls = { ca, cert, key, serverName, requestCert: true, rejectUnauthorized: true, ALPNProtocols: HTTP };
  const dialOwner = {
    onDialled(dialled: RelaySocket) {
      there = new TcpEndpoint(dialled, here, owner);
      here.other = there;
      early.replay(there);
      if (early.complete(there)) here.resume();
    },
    onDialFailed: () => here.reset(),
  };
  new Dial({ host: "127.0.0.1", port, tls }, 1000, dialOwner, context);
}
