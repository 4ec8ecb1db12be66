/** `clusterlink status`. */
import { type Command, Option } from "commander";
import type { SiteStatus } from "../snapshot/status.ts";
import { Client } from "./client.ts";
import { CliError } from "./errors.ts";
import { asJson, asYaml, fail, print } from "./output.ts";
import { addServerOptions, type ServerOptions } from "./server.ts";
import { statusLines } from "./status-text.ts";
import { readDuration } from "./ttl.ts";

interface StatusOptions extends ServerOptions {
  output?: "json" | "yaml";
  wait?: true;
  ready?: true;
  timeout: string;
}

/** Adds `status` to the program. */
export function addStatusCommand(program: Command): void {
  const command = program
    .command("status")
    .description("Shows whether a site is ready, its relays, peers and certificates, and what is wrong.")
    .option("--ready", "print nothing but why it is not ready; exit 0 if it is, else 1")
    .option("--wait", "wait until the gateway answers and is ready; exit 1 after --timeout")
    .option("--timeout <duration>", "how long --wait waits", "60s")
    .addOption(new Option("-o, --output <format>", "for programs").choices(["json", "yaml"]));
  addServerOptions(command)
    .addHelpText("after", EXAMPLES)
    .action(async (options: StatusOptions) => {
      const client = Client.of(options);
      const timeout = readDuration("--timeout", options.timeout);
      const status = options.wait ? await waitUntilReady(client, timeout) : await client.json<SiteStatus>("/status");
      if (options.ready) {
        if (status.ready) return;
        fail(`site '${status.name}' is not ready: ${status.notReady.join("; ")}`);
        process.exitCode = 1;
      } else if (options.output === "json") print(asJson(status));
      else if (options.output === "yaml") print(asYaml(status));
      else for (const line of statusLines(status, Date.now())) print(line);
    });
}

async function waitUntilReady(client: Client, timeout: number): Promise<SiteStatus> {
  const end = Date.now() + timeout;
  let reason = `${client.address} does not answer`;
  for (;;) {
    try {
      const status = await client.json<SiteStatus>("/status", {
        signal: AbortSignal.timeout(Math.max(1, end - Date.now())),
      });
      if (status.ready) return status;
      reason = `site '${status.name}' is not ready: ${status.notReady.join("; ")}`;
    } catch (error) {
      if (error instanceof CliError && error.code !== "unreachable") throw error;
      if (error instanceof CliError) reason = error.message;
    }
    if (Date.now() >= end) throw new CliError("failed", `waited in vain: ${reason}`);
    await Bun.sleep(Math.min(50, Math.max(1, end - Date.now())));
  }
}

const EXAMPLES = `
Examples:
  clusterlink status
  clusterlink status --server unix:./state/api.sock --wait --timeout 30s
  clusterlink status --ready || echo 'not ready'
  clusterlink status -o json`;
