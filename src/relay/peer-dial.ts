import { type PeerIdentity, verifiedPeer } from "../pki/identity.ts";
import type { CertificateEntry } from "../snapshot/tables.ts";
import { ALPN_LIST } from "../wire/dialects.ts";
import type { RelayContext } from "./context.ts";
import { Dial } from "./dial.ts";
import { DialError } from "./errors.ts";
import type { GatewayPool } from "./gateway-pool.ts";
import type { RelaySocket } from "./socket.ts";

/** A connection to a gateway that has proved to be the peer's. */
export interface PeerDialled {
  readonly socket: RelaySocket;
  readonly identity: PeerIdentity;
  /** Those of ours that it was dialled with; the site may have others by now. */
  readonly certificates: CertificateEntry;
}

/** Whom a dial tells how it went; exactly one of the two is called, once. */
export interface PeerDialOwner {
  onDialled(dialled: PeerDialled): void;
  onDialFailed(error: DialError): void;
}

/** Dials a gateway of the peer of that name with the site's certificates of this moment, and verifies who is there. */
export function dialPeer(context: RelayContext, name: string, gateway: GatewayPool, owner: PeerDialOwner): void {
  const { certificates, deadlines } = context.state.site;
  const tls = {
    ca: certificates.ca,
    cert: certificates.cert,
    key: certificates.key,
    serverName: name,
    requestCert: true,
    rejectUnauthorized: true,
    ALPNProtocols: ALPN_LIST,
  };
  const { host, port } = gateway;
  const session = gateway.session(certificates, Date.now());
  const target = { host, port, tls, session, handshakeTimeout: deadlines.handshake };
  const onDialled = (socket: RelaySocket) => {
    context.collector.handshake();
    let identity: PeerIdentity;
    try {
      identity = identify(socket, name, context.state.site.certificates.ca);
    } catch (error) {
      socket.terminate();
      owner.onDialFailed(new DialError("identity", (error as Error).message, error));
      return;
    }
    owner.onDialled({ socket, identity, certificates });
  };
  const onDialFailed = (error: DialError) => owner.onDialFailed(error);
  new Dial(target, deadlines.dial, { onDialled, onDialFailed }, context);
}

/** TLS has checked the chain and the name; they are checked again here, because a resumed session brings neither. */
function identify(socket: RelaySocket, name: string, ca: string): PeerIdentity {
  const identity = verifiedPeer(socket, ca, Date.now(), "server");
  if (identity?.name !== name) {
    throw new DialError("identity", `the certificate is ${identity?.name ?? "nobody"}'s, not ${name}'s`);
  }
  return identity;
}
