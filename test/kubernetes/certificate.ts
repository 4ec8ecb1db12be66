/** The certificate of an API server for tests: good for a name and for 127.0.0.1, as a cluster's is for its address. */
await import("reflect-metadata");
const { make, makeRoot, sanOf, serverAuth, tlv } = await import("../pki/authority.ts");

/** What the certificate says the server is called. */
export const SERVER_NAME = "kubernetes.test";

/** PEM texts. */
export interface ServerCertificate {
  ca: string;
  /** With the CA's behind it. */
  cert: string;
  key: string;
}

/** Makes a CA and the certificate of a server. */
export async function serverCertificate(): Promise<ServerCertificate> {
  const day = 86_400_000;
  const validity = { notBefore: Date.now() - day, notAfter: Date.now() + 30 * day };
  const root = await makeRoot({ subject: "CN=kubernetes", ...validity });
  const san = sanOf(tlv(0x82, SERVER_NAME), tlv(0x87, Buffer.from([127, 0, 0, 1])));
  const server = await make({ issuer: root, subject: `CN=${SERVER_NAME}`, eku: [serverAuth], san, ...validity });
  return { ca: root.pem, cert: server.pem + root.pem, key: server.key };
}
