/** `clusterlink delete`: by kind and names, by label, or by manifests; and what `deploy peer` deployed. */
import { type Command, Option } from "commander";
import type { KindDefinition } from "../resources/kinds.ts";
import { Client } from "./client.ts";
import type { DeletePeerOptions } from "./delete-peer.ts";
import { eachManifest } from "./each-manifest.ts";
import { ApiError, CliError } from "./errors.ts";
import { checkServed, findKind, qualifiedName, resourcePath, targetsOf } from "./kind.ts";
import { collectFile } from "./manifest-files.ts";
import { NAMESPACE_HELP, namespaceFinder } from "./namespace.ts";
import { fail, note, print } from "./output.ts";
import { type Place, placeIn, placeOf } from "./place.ts";
import { addServerOptions, type ServerOptions } from "./server.ts";

interface DeleteOptions extends ServerOptions {
  filename?: string[];
  namespace?: string;
  selector?: string;
  all?: true;
  ignoreNotFound?: true;
  dryRun?: true;
  name?: string;
  purge?: true;
}

interface ListedObjects {
  items: { metadata: { name: string; namespace?: string } }[];
}

/** Adds `delete` to the program. */
export function addDeleteCommand(program: Command): void {
  const command = program
    .command("delete")
    .description(
      "Deletes resources by kind and name, by label, or as files name them. 'delete peer --name P' undoes 'deploy peer'.",
    )
    .argument("[kind]", "singular, plural or short name; or KIND/NAME, several of them, too")
    .argument("[names...]", "names of the objects")
    .addOption(new Option("-f, --filename <file>", "delete what a file, a folder or - names").argParser(collectFile))
    .option("-n, --namespace <namespace>", NAMESPACE_HELP)
    .option("-l, --selector <selector>", "every object with these labels")
    .option("--all", "every object of the kind in the namespace")
    .option("--ignore-not-found", "succeed when there is nothing to delete")
    .option("--dry-run", "let the gateway check, and delete nothing")
    .option("--name <peer>", "with 'peer' alone: remove the gateway that 'deploy peer' deployed under this name")
    .option("--purge", "with --name: remove the CRDs with all their objects, and the namespace, too");
  addServerOptions(command)
    .addHelpText("after", EXAMPLES)
    .action(async (kind: string | undefined, names: string[], options: DeleteOptions) => {
      if (options.name !== undefined) return deleteDeployed(kind, names, { ...options, name: options.name });
      if (options.purge) throw new CliError("usage", "--purge goes with 'delete peer --name PEER'");
      const client = Client.of(options);
      if (options.filename !== undefined) {
        if (kind !== undefined) throw new CliError("usage", "give either -f or a kind and names, not both");
        const find = namespaceFinder(client, options.namespace);
        return eachManifest(options.filename, async (manifest) =>
          deleteOne(client, await placeOf(manifest, options.namespace, find), options),
        );
      }
      for (const place of await placesOf(client, kind, names, options)) {
        await deleteOne(client, place, options).catch(tell);
      }
    });
}

async function deleteDeployed(
  kind: string | undefined,
  names: string[],
  options: DeleteOptions & DeletePeerOptions,
): Promise<void> {
  const { filename, selector, all, dryRun, server } = options;
  const others = { "-f": filename, "-l": selector, "--all": all, "--dry-run": dryRun, "--server": server };
  const given = Object.entries(others).find(([, value]) => value !== undefined)?.[0];
  if (kind === undefined || findKind(kind).kind !== "Peer" || names.length > 0 || given !== undefined) {
    const excess = given === undefined ? "" : `, without ${given}`;
    throw new CliError(
      "usage",
      `--name goes with 'delete peer' alone${excess}: it removes what 'deploy peer' deployed`,
    );
  }
  const { deletePeer } = await import("./delete-peer.ts");
  return deletePeer(options);
}

async function placesOf(
  client: Client,
  kind: string | undefined,
  names: string[],
  options: DeleteOptions,
): Promise<Place[]> {
  if (kind === undefined) throw new CliError("usage", "delete what? Give a kind and a name, or files with -f");
  const find = namespaceFinder(client, options.namespace);
  const many = options.all === true || options.selector !== undefined;
  const places: Place[] = [];
  for (const { definition, name } of targetsOf(kind, names, (word) => [findKind(word)])) {
    if (many && name !== undefined) throw new CliError("usage", "give either names, or --all or -l, not both");
    if (!many && name === undefined) {
      throw new CliError("usage", `which ${definition.plural}? Give names, -l SELECTOR or --all`);
    }
    checkServed(definition, client.target.kind);
    const namespace = await find(definition);
    const found = name === undefined ? await listNames(client, definition, namespace, options.selector) : [name];
    places.push(...found.map((one) => placeIn(definition, namespace, one)));
  }
  if (places.length === 0) note("No resources found");
  return places;
}

async function listNames(
  client: Client,
  definition: KindDefinition,
  namespace: string | undefined,
  selector?: string,
): Promise<string[]> {
  const path = resourcePath(definition, namespace);
  const list = await client.json<ListedObjects>(path, { query: { labelSelector: selector } });
  return list.items.map((item) => item.metadata.name);
}

async function deleteOne(
  client: Client,
  { definition, namespace, name }: Place,
  options: DeleteOptions,
): Promise<void> {
  checkServed(definition, client.target.kind);
  try {
    const path = resourcePath(definition, namespace, name);
    await client.send(path, { method: "DELETE", query: { dryRun: options.dryRun ? "All" : undefined } });
  } catch (error) {
    if (options.ignoreNotFound && error instanceof ApiError && error.status === 404) return;
    throw error;
  }
  print(`${qualifiedName(definition, name)} deleted${options.dryRun ? " (server dry run)" : ""}`);
}

function tell(error: unknown): void {
  if (!(error instanceof ApiError) || error.status === 401) throw error;
  fail(error.message);
  process.exitCode = 1;
}

const EXAMPLES = `
Examples:
  clusterlink delete import web -n shop
  clusterlink delete accesspolicies -n shop --all
  clusterlink delete -f site.yaml

  # the Peer, so that this site talks to it no more
  clusterlink delete peer berlin

  # the gateway of this cluster, as 'deploy peer' deployed it
  clusterlink delete peer --name berlin`;
