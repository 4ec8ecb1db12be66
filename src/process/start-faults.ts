import { DoorError } from "../api/door.ts";
import { TokenKeyError } from "../api/token-key.ts";
import { CertificateSetError, faultLine } from "../pki/errors.ts";
import { StoreError } from "../store/errors.ts";

/** @returns why control cannot start, one line a fault, for people; undefined when the error is a defect. */
export function startFaults(error: unknown): string[] | undefined {
  if (error instanceof CertificateSetError) return error.faults.map((fault) => `--pki: ${faultLine(fault)}`);
  if (error instanceof StoreError) return [`--state: ${error.message}`];
  if (error instanceof TokenKeyError) return [`--state: ${error.message}`];
  if (error instanceof DoorError) return [error.message];
  return undefined;
}
