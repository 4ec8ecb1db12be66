/** What a request to the API server needs besides its path. */
export interface Connection {
  /** For example `https://10.96.0.1:443`; no slash at the end. */
  server: string;
  /** Of the service account or the context; undefined where neither names one. */
  namespace: string | undefined;
  /**
   * The credentials of the next request: token files are read again when they changed, plugins are asked when what
   * they said has expired.
   * @throws CredentialsError
   */
  credentials(): Promise<Credentials>;
  /** The server refused them: nothing of them is used again. */
  refused(): void;
}

export interface Credentials {
  headers: Record<string, string>;
  tls: ConnectionTls;
  /** An HTTP proxy's address. */
  proxy?: string;
}

/** The `tls` of Bun's fetch; texts are PEM. */
export interface ConnectionTls {
  rejectUnauthorized: boolean;
  ca?: string;
  cert?: string;
  key?: string;
  /** What the server's certificate must say, where that is not its address. */
  serverName?: string;
}

/** Credentials that cannot be had; the message names the file or the plugin, and no secret. */
export class CredentialsError extends Error {
  readonly code = "ERR_KUBE_CREDENTIALS";
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "CredentialsError";
  }
}
