/** The Secret that makes a site of the gateway. */
import type { ManifestObject } from "./manifest-object.ts";
import { GATEWAY_LABELS, PEER_ANNOTATION, PEER_SECRET } from "./names.ts";

/** A site's certificates, as PEM. */
export interface PeerIdentity {
  /** The site's name, which its certificate says. */
  name: string;
  cert: string;
  key: string;
  ca: string;
}

/** @returns the Secret, with the files that the gateway reads. */
export function identitySecret(namespace: string, { name, cert, key, ca }: PeerIdentity): ManifestObject {
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: {
      name: PEER_SECRET,
      namespace,
      labels: GATEWAY_LABELS,
      annotations: { [PEER_ANNOTATION]: name },
    },
    type: "Opaque",
    data: { "ca.pem": base64(ca), "cert.pem": base64(cert), "key.pem": base64(key) },
  };
}

/** @returns the object without what is secret in it, to be shown. */
export function withoutSecrets(object: ManifestObject): ManifestObject {
  if (object.kind !== "Secret") return object;
  const hidden = Object.keys(object["data"] ?? {}).map((file) => [file, base64("not shown")]);
  return { ...object, data: Object.fromEntries(hidden) };
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
