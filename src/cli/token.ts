/** `clusterlink token`. */
import { type Command, Option } from "commander";
import { Client } from "./client.ts";
import { CliError } from "./errors.ts";
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
    .option("--ttl <duration>", "how long it is valid, for example 12h or 30d, at most 10y", "1h")
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

/** What the API accepts at most: ten years, in seconds. */
const LONGEST_TTL = 10 * 365 * 24 * 3600;

/**
 * Asks the gateway for a token that is valid for `ttl`, a duration as users write it.
 */
export async function issueToken(client: Client, scope: TokenScope, ttl: string): Promise<IssuedToken> {
  const seconds = Math.ceil(readDuration("--ttl", ttl) / 1000);
  if (seconds > LONGEST_TTL) throw new CliError("usage", `--ttl '${ttl}' is too long: a token lives 10y at most`);
  return client.json<IssuedToken>("/tokens", { method: "POST", body: JSON.stringify({ scope, ttl: seconds }) });
}
