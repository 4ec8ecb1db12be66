/** What Bun's sockets show of the other side, on both sides, for full and for resumed sessions. */
import { describe, expect, test } from "bun:test";
import { verifyChain } from "../../src/pki/chain.ts";
import { peerChain, peerIdentity } from "../../src/pki/identity.ts";
import { DAY, type Made, makeIntermediate, makeRoot, makeSite, sanOf, tlv } from "./authority.ts";

const around = { notBefore: Date.now() - DAY, notAfter: Date.now() + DAY };
const root = await makeRoot(around);
const upper = await makeIntermediate(root, { ...around, subject: "CN=upper" });
const lower = await makeIntermediate(upper, { ...around, subject: "CN=lower" });
const berlin = await makeSite(lower, "berlin", {
  ...around,
  san: sanOf(tlv(0x86, "http://x, DNS:evil"), tlv(0x82, "berlin")),
});
const oslo = await makeSite(lower, "oslo", around);

const tlsOf = (site: Made) => ({
  ca: root.pem,
  cert: [site, lower, upper].map(({ pem }) => pem).join(""),
  key: site.key,
  requestCert: true,
  rejectUnauthorized: true,
});

interface Seen {
  side: "client" | "server";
  chain: Buffer[];
  resumed: boolean;
}

type Listener = ReturnType<typeof listen>;

function listen(seen: Seen[]) {
  return Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    tls: tlsOf(berlin),
    socket: {
      handshake(socket) {
        seen.push({ side: "server", chain: peerChain(socket), resumed: socket.isSessionReused() });
        socket.write("x");
      },
      data: () => undefined,
    },
  });
}

/** Connects, takes a byte, and returns the session, with which the next connection can resume. */
async function connect(server: Listener, seen: Seen[], version: number, session?: Buffer): Promise<Buffer> {
  const result = Promise.withResolvers<Buffer>();
  const tls = { ...tlsOf(oslo), serverName: "berlin", minVersion: version, maxVersion: version };
  const client = await Bun.connect({
    hostname: "127.0.0.1",
    port: server.port,
    tls,
    socket: {
      open(socket) {
        if (session) socket.setSession(session);
      },
      handshake(socket) {
        seen.push({ side: "client", chain: peerChain(socket), resumed: socket.isSessionReused() });
      },
      data(socket) {
        const ticket: unknown = socket.getSession();
        if (Buffer.isBuffer(ticket)) result.resolve(ticket);
        else result.reject(new Error("no session"));
      },
      close() {
        result.reject(new Error("closed before a byte came"));
      },
    },
  });
  const ticket = await result.promise;
  client.terminate();
  return ticket;
}

describe.each([
  ["TLS 1.2", 0x0303],
  ["TLS 1.3", 0x0304],
])("on %s", (_name, version) => {
  test("each side sees the other's name and whole chain, and verifies it, on the first and the second connection", async () => {
    const seen: Seen[] = [];
    const server = listen(seen);
    try {
      const session = await connect(server, seen, version);
      await connect(server, seen, version, session);
    } finally {
      server.stop(true);
    }
    if (version === 0x0303) expect(seen.map(({ resumed }) => resumed)).toEqual([false, false, true, true]);
    expect(seen.map(({ side }) => side).sort()).toEqual(["client", "client", "server", "server"]);
    const other = await makeRoot(around);
    for (const { side, chain } of seen) {
      expect(peerIdentity(chain).name).toBe(side === "client" ? "berlin" : "oslo");
      expect(chain.slice(1, 3).map((der) => der.toString("hex"))).toEqual(
        [lower, upper].map(({ der }) => der.toString("hex")),
      );
      const purpose = side === "client" ? "server" : "client";
      expect(verifyChain(chain, root.pem, Date.now(), purpose)).toMatchObject({ valid: true });
      expect(verifyChain(chain, other.pem, Date.now(), purpose)).toMatchObject({
        valid: false,
        code: "not-signed-by-ca",
      });
      expect(verifyChain(chain, root.pem, Date.now() + 2 * DAY, purpose)).toMatchObject({
        valid: false,
        code: "expired",
      });
    }
  });
});

test("without a certificate the chain is empty", () => {
  expect(peerChain({ getPeerCertificate: () => ({}) })).toEqual([]);
  expect(peerChain({ getPeerCertificate: () => null })).toEqual([]);
});
