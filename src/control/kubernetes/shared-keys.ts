import { hkdfSync, randomBytes } from "node:crypto";
import type { KubeClient } from "../../store/kubernetes/client.ts";
import { KubeApiError } from "../../store/kubernetes/error.ts";
import { SECRETS, type Secret } from "../../store/kubernetes/resource.ts";

/** The keys that every replica of a gateway has to have alike. */
export interface SharedKeys {
  /** Base64 of the key that `/authz` tokens are signed with. */
  authz: string;
  /** The key that the tokens of the control API are signed with; it follows from the other, which it does not tell. */
  token: Uint8Array;
}

/** The Secret, with the name and the entry that ClusterLink has for the same purpose. */
const SECRET = "jwk";
const ENTRY = "key";

/** Bytes of an HS256 key (RFC 7518 section 3.2: at least as long as the hash). */
const LENGTH = 32;

/** The Secret is there, but has no key in it. */
export class SharedKeyError extends Error {
  readonly code = "ERR_SHARED_KEY";
  constructor(namespace: string) {
    super(
      `Secret ${namespace}/${SECRET} has no "${ENTRY}" of at least ${LENGTH} bytes; delete it, and a new one is made`,
    );
    this.name = "SharedKeyError";
  }
}

/**
 * Reads the keys from the gateway's Secret, and makes that when it is missing. Of replicas that start at once the
 * first one's Secret stands, and all come back with its keys.
 *
 * @throws KubeApiError, SharedKeyError
 */
export async function loadSharedKeys(
  client: Pick<KubeClient, "get" | "create">,
  namespace: string,
  signal?: AbortSignal,
): Promise<SharedKeys> {
  const options = signal === undefined ? {} : { signal };
  const metadata = { namespace, name: SECRET };
  for (;;) {
    const found = await client.get(SECRETS, metadata, options);
    if (found !== undefined) return keysOf(found, namespace);
    const data = { [ENTRY]: randomBytes(LENGTH).toString("base64") };
    try {
      return keysOf(await client.create(SECRETS, { metadata, type: "Opaque", data }, options), namespace);
    } catch (error) {
      if (!(error instanceof KubeApiError && error.code === "AlreadyExists")) throw error;
    }
  }
}

/**
 * Reads the keys that are there at present.
 *
 * @returns undefined when there is no Secret. @throws KubeApiError, SharedKeyError
 */
export async function readSharedKeys(
  client: Pick<KubeClient, "get">,
  namespace: string,
  signal: AbortSignal,
): Promise<SharedKeys | undefined> {
  const found = await client.get(SECRETS, { namespace, name: SECRET }, { signal });
  return found && keysOf(found, namespace);
}

function keysOf({ data }: Secret, namespace: string): SharedKeys {
  const key = Buffer.from(data?.[ENTRY] ?? "", "base64");
  if (key.length < LENGTH) throw new SharedKeyError(namespace);
  const token = hkdfSync("sha256", key, "", "clusterlink control API tokens", LENGTH);
  return { authz: key.toString("base64"), token: new Uint8Array(token) };
}
