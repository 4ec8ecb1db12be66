/** `clusterlink apply`: server-side apply of manifests. */
import type { Command } from "commander";
import { Client } from "./client.ts";
import type { ClientRequest } from "./client-request.ts";
import { eachManifest } from "./each-manifest.ts";
import { ApiError, CliError } from "./errors.ts";
import { checkServed, qualifiedName, resourcePath } from "./kind.ts";
import type { ResourceManifest } from "./manifest.ts";
import { collectFile } from "./manifest-files.ts";
import { NAMESPACE_HELP, namespaceFinder } from "./namespace.ts";
import { print } from "./output.ts";
import { type Place, placeOf } from "./place.ts";
import { addServerOptions, type ServerOptions } from "./server.ts";

interface ApplyOptions extends ServerOptions {
  filename?: string[];
  namespace?: string;
  dryRun?: true;
  forceConflicts?: true;
  fieldManager: string;
}

interface Stored {
  metadata: { uid: string; resourceVersion: string };
}

/** Adds `apply` to the program. */
export function addApplyCommand(program: Command): void {
  const command = program
    .command("apply")
    .description(
      "Creates or changes resources as the files say (server-side apply). Goes on after a bad object and then exits with 1.",
    )
    .option("-f, --filename <file>", "a file, a folder, or - for standard input; may be repeated", collectFile)
    .option("-n, --namespace <namespace>", NAMESPACE_HELP)
    .option("--dry-run", "let the gateway check the objects, and change nothing")
    .option("--force-conflicts", "take over fields that another manager has set")
    .option("--field-manager <name>", "who owns the fields set", "clusterlink");
  addServerOptions(command)
    .addHelpText("after", EXAMPLES)
    .action(async (options: ApplyOptions) => {
      if (options.filename === undefined) throw new CliError("usage", "apply what? Name a file, a folder or - with -f");
      const client = Client.of(options);
      const find = namespaceFinder(client, options.namespace);
      await eachManifest(options.filename, async (manifest) => {
        print(await applyOne(client, manifest, await placeOf(manifest, options.namespace, find), options));
      });
    });
}

/**
 * Applies one object.
 *
 * @returns the line to print, for example `import.clusterlink.net/web configured`.
 */
async function applyOne(
  client: Client,
  manifest: ResourceManifest,
  place: Place,
  options: ApplyOptions,
): Promise<string> {
  const { definition, namespace, name } = place;
  checkServed(definition, client.target.kind);
  const path = resourcePath(definition, namespace, name);
  const before = await getIfThere(client, path);
  const metadata = namespace === undefined ? manifest.metadata : { ...manifest.metadata, namespace };
  const request: ClientRequest = {
    method: "PATCH",
    contentType: "application/apply-patch+yaml",
    body: JSON.stringify({ ...manifest, metadata }),
    query: {
      fieldManager: options.fieldManager,
      force: options.forceConflicts ? "true" : undefined,
      dryRun: options.dryRun ? "All" : undefined,
    },
  };
  const after = await client.json<Stored>(path, request).catch((error: unknown) => {
    throw withConflictRemedy(error);
  });
  const dryRun = options.dryRun === true;
  return `${qualifiedName(definition, name)} ${outcome(before, after, dryRun)}${dryRun ? " (server dry run)" : ""}`;
}

/** A dry run answers with the version that is stored, so there the objects themselves tell. */
function outcome(before: Stored | undefined, after: Stored, dryRun: boolean): "created" | "configured" | "unchanged" {
  if (before === undefined || before.metadata.uid !== after.metadata.uid) return "created";
  const same = dryRun
    ? Bun.deepEquals(before, after)
    : before.metadata.resourceVersion === after.metadata.resourceVersion;
  return same ? "unchanged" : "configured";
}

async function getIfThere(client: Client, path: string): Promise<Stored | undefined> {
  try {
    return await client.json<Stored>(path);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined;
    throw error;
  }
}

function withConflictRemedy(error: unknown): unknown {
  if (!(error instanceof ApiError) || error.status !== 409 || !error.message.startsWith("Apply failed")) return error;
  const message = `${error.message.replace(/\s*\n\s*/g, " ")} (take them over with --force-conflicts)`;
  return new ApiError(error.status, error.reason, message);
}

const EXAMPLES = `
Examples:
  clusterlink apply -f site.yaml
  clusterlink apply -f manifests/ -n shop
  clusterlink apply --server unix:./state/api.sock -f - < site.yaml`;
