/** A connection to another host could not be made. `reason` tells programs why, the message tells people. */
export class DialError extends Error {
  static readonly code = "ERR_CLUSTERLINK_DIAL";
  readonly code = DialError.code;

  constructor(
    readonly reason: "connect" | "timeout" | "tls" | "lost" | "identity",
    message: string,
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "DialError";
  }
}

/** A port could not be bound. `errno` is the system's name for why, for example EADDRINUSE. */
export class ListenError extends Error {
  static readonly code = "ERR_CLUSTERLINK_LISTEN";
  readonly code = ListenError.code;
  readonly errno: string;

  constructor(
    readonly address: string,
    readonly port: number,
    cause: unknown,
  ) {
    const errno = cause instanceof Error && "code" in cause ? String(cause.code) : "UNKNOWN";
    super(`port ${port} on ${address} cannot be bound: ${errno}`, { cause });
    this.name = "ListenError";
    this.errno = errno;
  }
}
