/** `clusterlink token`. */
import { type Command, Option } from "commander";
import { Client } from "./client.ts";
import { asJson, print } from "./output.ts";
import { addServerOptions, type ServerOptions } from "./server.ts";
import { readDuration } from "./ttl.ts";

interface TokenOptions extends ServerOptions {
  scope: TokenScope;
  ttl: string;
  output?: "json";
}

export type TokenScope = "admin" | "read";

/** What `/tokens` answers. */
export interface IssuedToken {
  token: string;
  scope: TokenScope;
  /** RFC 3339. */
  expiresAt: string;
}

/** Adds `token` to the program. */
export function addTokenCommand(program: Command): void {
  const command = program
    .command("token")
    .description("Issues a token for the control API over HTTPS (--api-listen or --expose-api), and prints it.")
    .addOption(new Option("--scope <scope>", "what it allows").choices(["admin", "read"]).default("read"))
    .option("--ttl <duration>", "how long it is valid, for example 12h or 30d", "1h")
    .addOption(new Option("-o, --output <format>", "with scope and expiry, for programs").choices(["json"]));
  addServerOptions(command)
    .addHelpText(
      "after",
      "\nExamples:\n  clusterlink token\n  CLUSTERLINK_TOKEN=$(clusterlink token --scope admin --ttl 12h)",
    )
    .action(async (options: TokenOptions) => {
      const issued = await issueToken(Client.of(options), options.scope, options.ttl);
      print(options.output === "json" ? asJson(issued) : issued.token);
    });
}

/**
 * Asks the gateway for a token that is valid for `ttl`, a duration as users write it.
 */
export async function issueToken(client: Client, scope: TokenScope, ttl: string): Promise<IssuedToken> {
  const seconds = Math.ceil(readDuration("--ttl", ttl) / 1000);
  return client.json<IssuedToken>("/tokens", { method: "POST", body: JSON.stringify({ scope, ttl: seconds }) });
}
