/** The peer broke the rules of the protocol: the tunnel cannot be trusted any more and must be closed. */
export class ProtocolError extends Error {
  static readonly code = "ERR_CLUSTERLINK_PROTOCOL";
  readonly code = ProtocolError.code;

  constructor(message: string) {
    super(message);
    this.name = "ProtocolError";
  }
}
