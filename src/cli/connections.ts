/** `clusterlink connections`. */
import { type Command, Option } from "commander";
import type { ConnectionReport } from "../snapshot/messages.ts";
import { shortAge } from "./age.ts";
import { Client } from "./client.ts";
import { table } from "./columns.ts";
import { asJson, asYaml, note, print } from "./output.ts";
import { addServerOptions, type ServerOptions } from "./server.ts";

interface ConnectionsOptions extends ServerOptions {
  output?: "json" | "yaml" | "wide";
}

/** What `/connections` answers. */
interface ConnectionsAnswer {
  connections: ConnectionReport[];
}

/** Adds `connections` to the program. */
export function addConnectionsCommand(program: Command): void {
  const command = program
    .command("connections")
    .description("Shows the live connections of a site: who talks to what, for how long, and which policy allows it.")
    .addOption(
      new Option("-o, --output <format>", "'wide' shows the client's attributes too").choices(["json", "yaml", "wide"]),
    );
  addServerOptions(command)
    .addHelpText("after", "\nExamples:\n  clusterlink connections\n  clusterlink connections -o wide")
    .action(async (options: ConnectionsOptions) => {
      const { connections } = await Client.of(options).json<ConnectionsAnswer>("/connections");
      if (options.output === "json") print(asJson(connections));
      else if (options.output === "yaml") print(asYaml(connections));
      else if (connections.length === 0) note("No live connections");
      else for (const line of connectionLines(connections, options.output === "wide", Date.now())) print(line);
    });
}

function connectionLines(connections: ConnectionReport[], wide: boolean, now: number): string[] {
  const rows = [...connections]
    .sort((one, other) => one.since - other.since)
    .map((one) => [
      one.import ?? one.export ?? "",
      one.side === "client" ? `to ${one.peer}` : `from ${one.peer}`,
      one.client ?? "-",
      one.policy,
      shortAge(one.since, now),
      byteText(one.bytesIn),
      byteText(one.bytesOut),
      ...(wide ? [attributeText(one.attributes)] : []),
    ]);
  return table(["service", "peer", "client", "policy", "age", "in", "out", ...(wide ? ["attributes"] : [])], rows);
}

function attributeText(attributes: Record<string, string>): string {
  return Object.entries(attributes)
    .map(([key, value]) => `${key}=${value}`)
    .join(",");
}

function byteText(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  const amount = bytes / 1024 ** power;
  return `${power === 0 || amount >= 100 ? Math.round(amount) : amount.toFixed(1)}${units[power]}`;
}
