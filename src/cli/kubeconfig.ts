/** `clusterlink kubeconfig`. */
import { type Command, Option } from "commander";
import { formatHostPort } from "../resources/address.ts";
import type { ApiDoors, SiteStatus } from "../snapshot/status.ts";
import { Client } from "./client.ts";
import { CliError } from "./errors.ts";
import { kubeconfigOf } from "./kubeconfig-file.ts";
import { asYaml, note, othersCanReadOutput, print } from "./output.ts";
import { addServerOptions, httpsOrigin, type ServerOptions } from "./server.ts";
import { issueToken, type TokenScope } from "./token.ts";

interface KubeconfigOptions extends ServerOptions {
  apiSocket?: string;
  scope: TokenScope;
  ttl: string;
}

/** Adds `kubeconfig` to the program. */
export function addKubeconfigCommand(program: Command): void {
  const command = program
    .command("kubeconfig")
    .description(
      "Prints a kubeconfig file with which kubectl works on a site: address, fabric CA, the site's name and a token.",
    )
    .addOption(new Option("--scope <scope>", "what the token allows").choices(["admin", "read"]).default("admin"))
    .option("--ttl <duration>", "how long the token is valid", "1y")
    .option("--api-socket <path>", "ask the gateway on this socket, so that --server https://… is only written down");
  addServerOptions(command)
    .addHelpText("after", EXAMPLES)
    .action(async (options: KubeconfigOptions) => {
      const client = Client.of(asked(options, process.env));
      const status = await client.json<SiteStatus>("/status");
      const doors = openDoors(status, client);
      const server = serverAddress(options, client, doors);
      const { token, expiresAt } = await issueToken(client, options.scope, options.ttl);
      print(asYaml(kubeconfigOf({ site: status.name, server, ca: doors.ca, token })));
      note(`# ${options.scope} token for site '${status.name}' at ${server}, valid until ${expiresAt}`);
      if (othersCanReadOutput()) note("# others can read the file with the token: run 'chmod 600' on it");
    });
}

/** `--server https://…` names the site as kubectl will; without a token it cannot be asked there. */
function asked(options: KubeconfigOptions, environment: Record<string, string | undefined>): ServerOptions {
  if (options.apiSocket !== undefined) return { ...options, server: `unix:${options.apiSocket}` };
  const hasToken = options.token !== undefined || (environment.CLUSTERLINK_TOKEN ?? "") !== "";
  if (options.server?.startsWith("https:") && !hasToken) {
    const { server: _, ...others } = options;
    return others;
  }
  return options;
}

function openDoors(status: SiteStatus, client: Client): ApiDoors {
  const { api } = status;
  if (api !== undefined && (api.listen !== undefined || api.exposed !== undefined)) return api;
  throw new CliError(
    "failed",
    `kubectl cannot reach site '${status.name}' (${client.address}): start its gateway with --api-listen HOST:PORT or --expose-api`,
  );
}

function serverAddress(options: KubeconfigOptions, client: Client, doors: ApiDoors): string {
  if (options.server?.startsWith("https:")) return httpsOrigin(options.server);
  if (client.target.kind === "https") return client.target.url;
  const { host = "", port = 0 } = doors.listen ?? doors.exposed ?? {};
  if (!WILDCARDS.includes(host)) return `https://${formatHostPort(host, port)}`;
  note(
    "# the gateway listens on every address: this file is for the same machine (else name the gateway with --server)",
  );
  return `https://127.0.0.1:${port}`;
}

/** All addresses of a family. */
const WILDCARDS = ["::", "0.0.0.0"];

const EXAMPLES = `
Examples:
  clusterlink kubeconfig > berlin.kubeconfig && kubectl --kubeconfig berlin.kubeconfig get imports -A
  clusterlink kubeconfig --scope read --ttl 12h --server https://gateway.example.com:8443`;
