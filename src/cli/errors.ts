/** Why a command failed. */
export type CliErrorCode = "usage" | "unreachable" | "untrusted" | "refused" | "failed" | "input";

/** A failure that is told to the user in one line on standard error, with its remedy in the message. */
export class CliError extends Error {
  override name = "CliError";
  readonly code: CliErrorCode;

  constructor(code: CliErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** 2 for wrong usage, else 1. */
  get exitCode(): number {
    return this.code === "usage" ? 2 : 1;
  }
}

/** An answer of the control API other than success: a `metav1.Status`. */
export class ApiError extends CliError {
  override name = "ApiError";

  constructor(
    /** The HTTP status. */
    readonly status: number,
    /** As Kubernetes names it: `NotFound`, `Conflict`, `Invalid`, … */
    readonly reason: string,
    message: string,
  ) {
    super("refused", message);
  }
}
