/** A way between two gateways that counts what passes: bytes and TLS records (RFC 8446, section 5.1). */
import { connect, createServer, type Socket } from "node:net";
import { atEnd } from "../relay/teardown.ts";

/** What has passed in one direction, on all connections. */
export class Passed {
  bytes = 0;
  records = 0;

  /** @returns a watcher for one connection. */
  watch(): (chunk: Buffer) => void {
    const header = Buffer.alloc(HEADER_BYTES);
    let have = 0;
    let left = 0;
    return (chunk) => {
      this.bytes += chunk.length;
      for (let at = 0; at < chunk.length; ) {
        if (left > 0) {
          const step = Math.min(left, chunk.length - at);
          left -= step;
          at += step;
        } else {
          header[have++] = chunk[at++] ?? 0;
          if (have < HEADER_BYTES) continue;
          have = 0;
          left = header.readUInt16BE(3);
          this.records += 1;
        }
      }
    };
  }
}

const HEADER_BYTES = 5;

/** Longer than relays take from one look at their spare tunnels to the next. */
const REST_MS = 600;

/** Listens on a port of its own and passes everything on. */
export class CountingWay {
  readonly there = new Passed();
  readonly back = new Passed();
  readonly port: number;

  constructor(port: number, to: number) {
    this.port = port;
    const server = createServer((near) => {
      const far = connect(to, "127.0.0.1");
      pass(near, far, this.there.watch());
      pass(far, near, this.back.watch());
    });
    server.listen(port, "127.0.0.1");
    atEnd(() => server.close());
  }

  /** Resolves when nothing has passed for a while: the handshakes of spare tunnels are over. */
  async rest(): Promise<void> {
    const passed = () => this.there.bytes + this.back.bytes;
    for (let before = -1; before !== passed(); ) {
      before = passed();
      await Bun.sleep(REST_MS);
    }
  }
}

function pass(from: Socket, to: Socket, watch: (chunk: Buffer) => void): void {
  from.setNoDelay(true);
  from.on("data", (chunk: Buffer) => {
    watch(chunk);
    to.write(chunk);
  });
  from.on("error", () => to.destroy());
  from.on("close", () => to.end());
}
