import { expect, test } from "bun:test";
import { countListeners, listeningPorts } from "../../bench/listeners.ts";

const TABLE = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 01004D7F:4E20 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0000000000000000
   1: 01004D7F:4E20 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2 1 0000000000000000
   2: 01004D7F:4E21 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 3 1 0000000000000000
   3: 01004D7F:4E22 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 4 1 0000000000000000
   4: 0100007F:4E23 01004D7F:4E20 01 00000000:00000000 00:00000000 00000000     0        0 5 1 0000000000000000
`;

test("a port that several processes share counts once, a connection not at all", () => {
  expect([...listeningPorts(TABLE, "127.77.0.1")]).toEqual([20_000, 20_001]);
});

test("other addresses do not count", () => {
  expect(listeningPorts(TABLE, "127.0.0.1").size).toBe(0);
});

test("the kernel's table shows a listener from when it begins until it ends", () => {
  const host = "127.77.0.9";
  expect(countListeners(host)).toBe(0);
  const listener = Bun.listen({ hostname: host, port: 0, socket: { data: () => undefined } });
  expect(countListeners(host)).toBe(1);
  listener.stop(true);
  expect(countListeners(host)).toBe(0);
});
