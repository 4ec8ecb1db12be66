/** `clusterlink explain`. */
import { type Command, Option } from "commander";
import type { ClientQuery, ExplainQuery, Explanation } from "../snapshot/status.ts";
import { Client } from "./client.ts";
import type { ClientRequest } from "./client-request.ts";
import { CliError } from "./errors.ts";
import { readClient } from "./explain-client.ts";
import { explanationLines } from "./explain-text.ts";
import { DEFAULT_NAMESPACE } from "./namespace.ts";
import { asJson, asYaml, print } from "./output.ts";
import { addServerOptions, type ServerOptions } from "./server.ts";

interface ExplainOptions extends ServerOptions {
  client?: string;
  import?: string;
  export?: string;
  peer?: string;
  output?: "json" | "yaml";
}

/** Adds `explain` to the program. */
export function addExplainCommand(program: Command): void {
  const command = program
    .command("explain")
    .description("Tells what would happen to a connection right now: allowed or not, by which policy, to which source.")
    .option("--client <who>", "the client: an IP address, or attributes such as 'namespace=shop,labels.app=web'")
    .option("--import <name>", "NAMESPACE/NAME of the Import that the client connects to")
    .option("--peer <name>", "the site that the connection comes from (with --export)")
    .option("--export <name>", "NAMESPACE/NAME of the Export that the peer asks for")
    .addOption(new Option("-o, --output <format>", "for programs").choices(["json", "yaml"]));
  addServerOptions(command)
    .addHelpText("after", EXAMPLES)
    .action(async (options: ExplainOptions) => {
      const query = explainQuery(options);
      const explanation = await Client.of(options).json<Explanation>("/explain", { query: explainParameters(query) });
      if (options.output === "json") print(asJson(explanation));
      else if (options.output === "yaml") print(asYaml(explanation));
      else for (const line of explanationLines(explanation)) print(line);
    });
}

/**
 * @returns the question that the options ask.
 * Throws a usage error unless they are `--client --import` or `--peer --export [--client]`.
 */
export function explainQuery(options: Pick<ExplainOptions, "client" | "import" | "export" | "peer">): ExplainQuery {
  if (options.import !== undefined) {
    if (options.export !== undefined || options.peer !== undefined) {
      throw new CliError("usage", "give either --client and --import, or --peer and --export");
    }
    if (options.client === undefined)
      throw new CliError("usage", "--import needs --client: an IP address or attributes");
    return { side: "client", import: qualified("--import", options.import), client: readClient(options.client) };
  }
  if (options.export === undefined || options.peer === undefined) {
    throw new CliError("usage", "explain what? Give --client and --import, or --peer and --export");
  }
  const client: ClientQuery = options.client === undefined ? { attributes: {} } : readClient(options.client);
  return { side: "server", export: qualified("--export", options.export), peer: options.peer, client };
}

/** @returns the question as `/explain` reads it. */
function explainParameters(query: ExplainQuery): NonNullable<ClientRequest["query"]> {
  const { client } = query;
  const who =
    "address" in client
      ? { client: client.address }
      : { attribute: Object.entries(client.attributes).map(([key, value]) => `${key}=${value}`) };
  return query.side === "client"
    ? { import: query.import, ...who }
    : { export: query.export, peer: query.peer, ...who };
}

function qualified(option: string, name: string): string {
  const parts = name.split("/");
  if (parts.length > 2 || parts.includes("")) {
    throw new CliError("usage", `${option} '${name}' is no name: write NAMESPACE/NAME, for example shop/web`);
  }
  return parts.length === 2 ? name : `${DEFAULT_NAMESPACE}/${name}`;
}

const EXAMPLES = `
Attributes are namespace, service-account and labels.KEY, or in full client.clusterlink.net/namespace and so on.

Examples:
  clusterlink explain --client 10.0.0.7 --import shop/web
  clusterlink explain --client namespace=shop,labels.app=cart --import shop/web
  clusterlink explain --peer berlin --export shop/db`;
