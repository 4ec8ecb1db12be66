/** A way to an API server that can be cut and mended, as a network is. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Socket, TCPSocketListener } from "bun";
import { freePort } from "../free-port.ts";
import { kubeconfigText, type TestServer } from "./test-server.ts";

type Pair = { other: Socket<Pair> | undefined; early: Uint8Array[]; unsent: Uint8Array[] };

/** Passes bytes between whoever connects and an API server, until it is cut. */
export class CuttableWay {
  readonly port = freePort();
  /** Path of an administrator's kubeconfig that leads through here. */
  readonly kubeconfig: string;
  readonly #target: { hostname: string; port: number };
  readonly #sockets = new Set<Socket<Pair>>();
  #listener: TCPSocketListener<Pair> | undefined;

  constructor(server: TestServer) {
    const { hostname, port } = new URL(server.url);
    this.#target = { hostname, port: Number(port) };
    this.kubeconfig = join(mkdtempSync(join(tmpdir(), "way-")), "kubeconfig");
    const through = { ...server, url: `https://127.0.0.1:${this.port}` };
    writeFileSync(this.kubeconfig, kubeconfigText(through, { token: server.adminToken }), { mode: 0o600 });
    this.mend();
  }

  /** Ends every connection and takes no more. */
  cut(): void {
    this.#listener?.stop(true);
    this.#listener = undefined;
    for (const socket of this.#sockets) socket.terminate();
  }

  /** Cuts it for good, and takes the kubeconfig away. */
  close(): void {
    this.cut();
    rmSync(dirname(this.kubeconfig), { recursive: true, force: true });
  }

  mend(): void {
    const handler = this.#handler();
    this.#listener ??= Bun.listen<Pair>({
      hostname: "127.0.0.1",
      port: this.port,
      data: { other: undefined, early: [], unsent: [] },
      socket: { ...handler, open: (socket) => this.#accept(socket) },
    });
  }

  #accept(socket: Socket<Pair>): void {
    socket.data = { other: undefined, early: [], unsent: [] };
    this.#sockets.add(socket);
    void Bun.connect<Pair>({
      ...this.#target,
      data: { other: socket, early: [], unsent: [] },
      socket: this.#handler(),
    }).then(
      (server) => {
        this.#sockets.add(server);
        socket.data.other = server;
        for (const chunk of socket.data.early) send(server, chunk);
      },
      () => socket.terminate(),
    );
  }

  #handler() {
    return {
      data: (socket: Socket<Pair>, chunk: Uint8Array) => {
        if (socket.data.other) send(socket.data.other, chunk);
        else socket.data.early.push(chunk);
      },
      drain: (socket: Socket<Pair>) => flush(socket),
      close: (socket: Socket<Pair>) => {
        this.#sockets.delete(socket);
        socket.data.other?.terminate();
      },
      error: (socket: Socket<Pair>) => socket.terminate(),
    };
  }
}

function send(socket: Socket<Pair>, chunk: Uint8Array): void {
  socket.data.unsent.push(chunk);
  flush(socket);
}

function flush(socket: Socket<Pair>): void {
  const { unsent } = socket.data;
  for (let next = unsent.shift(); next !== undefined; next = unsent.shift()) {
    const taken = Math.max(0, socket.write(next));
    if (taken === next.length) continue;
    unsent.unshift(next.subarray(taken));
    return;
  }
}
