import { DoorError } from "../api/door.ts";
import { TokenKeyError } from "../api/token-key.ts";
import { SharedKeyError } from "../control/kubernetes/shared-keys.ts";
import { CertificateSetError, faultLine } from "../pki/errors.ts";
import { StoreError } from "../store/errors.ts";
import { CredentialsError } from "../store/kubernetes/connection.ts";
import { KubeApiError } from "../store/kubernetes/error.ts";
import { ConfigError } from "./config.ts";

/** @returns why control cannot start, one line a fault, for people; undefined when the error is a defect. */
export function startFaults(error: unknown): string[] | undefined {
  if (error instanceof CertificateSetError) return error.faults.map((fault) => `--pki: ${faultLine(fault)}`);
  if (error instanceof ConfigError) return [...error.faults];
  if (error instanceof CredentialsError) return [`--kubernetes: ${error.message}`];
  if (error instanceof SharedKeyError) return [`--kubernetes: ${error.message}`];
  if (error instanceof KubeApiError) return [`--kubernetes: ${error.message}`];
  if (error instanceof StoreError) return [`--state: ${error.message}`];
  if (error instanceof TokenKeyError) return [`--state: ${error.message}`];
  if (error instanceof DoorError) return [error.message];
  return undefined;
}
