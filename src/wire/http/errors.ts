/** The status codes that this dialect answers faulty messages with. */
export type FaultStatus = 400 | 413 | 431 | 501 | 505;

/**
 * A message breaks the rules of HTTP/1.1 or of the dialect. Where the next message starts cannot be told any more: a
 * server answers with `status`, closes the connection and reads nothing more from it.
 */
export class HttpFault extends Error {
  static readonly code = "ERR_CLUSTERLINK_HTTP";
  readonly code = HttpFault.code;
  readonly status: FaultStatus;

  constructor(status: FaultStatus, message: string) {
    super(message);
    this.name = "HttpFault";
    this.status = status;
  }
}
