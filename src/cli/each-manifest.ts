/** Does something with every object of some files, and goes on after a failure. */
import { CliError } from "./errors.ts";
import type { ResourceManifest } from "./manifest.ts";
import { readManifests } from "./manifest-files.ts";
import { fail } from "./output.ts";

/**
 * Calls `act` with every object in the order of the files. What fails is told on standard error with its file, and
 * the process then exits with 1. Ends at once when the gateway cannot be reached or refuses the token.
 */
export async function eachManifest(
  paths: readonly string[],
  act: (manifest: ResourceManifest) => Promise<void>,
): Promise<void> {
  const results = await readManifests(paths);
  if (results.every((result) => "manifests" in result && result.manifests.length === 0)) {
    throw new CliError("input", `there is no object in ${results.map((result) => result.source).join(", ")}`);
  }
  for (const result of results) {
    if ("error" in result) {
      failed(`${result.source}: ${result.error}`);
      continue;
    }
    for (const manifest of result.manifests) {
      try {
        await act(manifest);
      } catch (error) {
        if (!(error instanceof CliError) || endsAll(error)) throw error;
        failed(`${result.source}: ${withName(manifest, error.message)}`);
      }
    }
  }
}

/** The gateway's own messages mostly name the object already. */
function withName({ kind, metadata }: ResourceManifest, message: string): string {
  return message.includes(metadata.name) ? message : `${kind} '${metadata.name}': ${message}`;
}

function endsAll(error: CliError): boolean {
  return error.code === "unreachable" || error.code === "untrusted" || ("status" in error && error.status === 401);
}

function failed(message: string): void {
  fail(message);
  process.exitCode = 1;
}
