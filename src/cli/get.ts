/** `clusterlink get`: tables that the gateway makes, or the objects as JSON or YAML. */
import { type Command, Option } from "commander";
import type { KindDefinition } from "../resources/kinds.ts";
import { Client } from "./client.ts";
import { CliError } from "./errors.ts";
import { checkServed, findKinds, qualifiedName, resourcePath, type Target, targetsOf } from "./kind.ts";
import { withoutManagedFields } from "./managed-fields.ts";
import { NAMESPACE_HELP, namespaceFinder } from "./namespace.ts";
import { asJson, asYaml, note, print } from "./output.ts";
import { addServerOptions, type ServerOptions } from "./server.ts";
import { TABLE_TYPE, type Table, TablePrinter } from "./table.ts";
import { watchLines } from "./watch.ts";

interface GetOptions extends ServerOptions {
  namespace?: string;
  allNamespaces?: true;
  selector?: string;
  output?: "json" | "yaml" | "wide" | "name";
  showManagedFields?: true;
  watch?: true;
}

interface ResourceObject {
  metadata: { name: string; namespace?: string; resourceVersion?: string };
}

interface ResourceList {
  metadata: { resourceVersion: string };
  items: ResourceObject[];
}

/** What one `get` asks for. */
interface Query extends Target {
  namespace?: string;
}

/** Adds `get` to the program. */
export function addGetCommand(program: Command): void {
  const command = program
    .command("get")
    .description(
      "Shows resources. KIND is singular, plural or short name in any case; several parted by commas; or 'all'.",
    )
    .argument("<kind>", "for example 'imports', 'imports,exports' or 'import/web'")
    .argument("[names...]", "names of objects; without one, all of the kind")
    .option("-n, --namespace <namespace>", NAMESPACE_HELP)
    .option("-A, --all-namespaces", "every namespace")
    .option("-l, --selector <selector>", "only objects with these labels, for example 'app=web,tier!=test'")
    .addOption(new Option("-o, --output <format>", "how to show them").choices(["json", "yaml", "wide", "name"]))
    .option("--show-managed-fields", "with -o json or yaml: show metadata.managedFields, too")
    .option("-w, --watch", "go on and show every change");
  addServerOptions(command)
    .addHelpText("after", EXAMPLES)
    .action(async (kind: string, names: string[], options: GetOptions) => {
      const client = Client.of(options);
      const targets = targetsOf(kind, names, (word) => findKinds(word, client.target.kind));
      const queries = await queriesOf(client, targets, options);
      if (options.watch) return watch(client, queries, options);
      if (options.output === undefined || options.output === "wide") return showTables(client, queries, options);
      return showObjects(client, queries, options);
    });
}

async function queriesOf(client: Client, targets: Target[], options: GetOptions): Promise<Query[]> {
  const named = targets.some((target) => target.name !== undefined);
  if (options.allNamespaces && named) {
    throw new CliError("usage", "a name needs one namespace: give -n NAMESPACE instead of -A");
  }
  if (options.selector !== undefined && named) {
    throw new CliError("usage", "give either a name or -l SELECTOR, not both");
  }
  const find = namespaceFinder(client, options.namespace);
  const queries: Query[] = [];
  for (const target of targets) {
    checkServed(target.definition, client.target.kind);
    const namespace = options.allNamespaces ? undefined : await find(target.definition);
    queries.push({ ...target, ...(namespace === undefined ? {} : { namespace }) });
  }
  return queries;
}

async function showTables(client: Client, queries: Query[], options: GetOptions): Promise<void> {
  const printers = new Map<KindDefinition, TablePrinter>();
  for (const query of queries) {
    const path = resourcePath(query.definition, query.namespace, query.name);
    const table = await client.json<Table>(path, { accept: TABLE_TYPE, query: { labelSelector: options.selector } });
    if (table.rows.length === 0) continue;
    let printer = printers.get(query.definition);
    if (printer === undefined) {
      if (printers.size > 0) print("");
      printer = printerOf(query, queries, options);
      printers.set(query.definition, printer);
    }
    for (const line of printer.lines(table)) print(line);
  }
  if (printers.size === 0) note(nothingFound(queries));
}

function printerOf(query: Query, queries: Query[], options: GetOptions): TablePrinter {
  const severalKinds = queries.some((other) => other.definition !== query.definition);
  return new TablePrinter({
    wide: options.output === "wide",
    namespace: options.allNamespaces === true && query.definition.namespaced,
    ...(severalKinds ? { prefix: qualifiedName(query.definition, "") } : {}),
  });
}

function nothingFound(queries: Query[]): string {
  const namespaces = new Set(queries.flatMap((query) => query.namespace ?? []));
  if (namespaces.size === 0) return "No resources found";
  return `No resources found in namespace '${[...namespaces].join("', '")}' (-A shows every namespace)`;
}

async function showObjects(client: Client, queries: Query[], options: GetOptions): Promise<void> {
  const objects: { query: Query; object: ResourceObject }[] = [];
  for (const query of queries) {
    for (const object of await fetchObjects(client, query, options)) objects.push({ query, object });
  }
  if (options.output === "name") {
    for (const { query, object } of objects) print(qualifiedName(query.definition, object.metadata.name));
    return;
  }
  const [first] = objects;
  const single = queries.length === 1 && queries[0]?.name !== undefined && first !== undefined;
  const items = objects.map(({ object }) => (options.showManagedFields ? object : withoutManagedFields(object)));
  const value = single ? items[0] : { apiVersion: "v1", kind: "List", items };
  print(options.output === "yaml" ? asYaml(value) : asJson(value));
}

async function fetchObjects(client: Client, query: Query, options: GetOptions): Promise<ResourceObject[]> {
  const path = resourcePath(query.definition, query.namespace, query.name);
  if (query.name !== undefined) return [await client.json<ResourceObject>(path)];
  return (await client.json<ResourceList>(path, { query: { labelSelector: options.selector } })).items;
}

async function watch(client: Client, queries: Query[], options: GetOptions): Promise<void> {
  const [query] = queries;
  if (query === undefined || queries.length > 1)
    throw new CliError("usage", "-w watches one kind, or one object: name one");
  const printer = printerOf(query, queries, options);
  const { selector, output, showManagedFields } = options;
  await watchLines(client, query, { selector, output, showManagedFields, printer });
}

const EXAMPLES = `
Examples:
  clusterlink get imports -A
  clusterlink get import web -n shop -o yaml
  clusterlink get peers -o wide
  clusterlink get exports -w`;
