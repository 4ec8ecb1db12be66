/** The hidden command by which a gateway's own executable asks its control API for whoever runs it in the pod. */
import type { Command } from "commander";
import { Client } from "./client.ts";
import type { ClientRequest } from "./client-request.ts";
import type { RawAnswer } from "./cluster-server.ts";
import { ApiError } from "./errors.ts";
import { print } from "./output.ts";

interface RawOptions {
  method: NonNullable<ClientRequest["method"]>;
  data?: string;
}

/** Adds `raw` to the program. */
export function addRawCommand(program: Command): void {
  program
    .command("raw", { hidden: true })
    .argument("<path>")
    .option("--method <method>", "", "GET")
    .option("--data <json>")
    .action(async (path: string, { method, data }: RawOptions) =>
      print(JSON.stringify(await answer(path, method, data))),
    );
}

async function answer(path: string, method: RawOptions["method"], body: string | undefined): Promise<RawAnswer> {
  try {
    const response = await Client.of({}).send(path, { method, ...(body === undefined ? {} : { body }) });
    return { status: response.status, body: await response.text() };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const { status, reason, message } = error;
    return { status, body: JSON.stringify({ kind: "Status", status: "Failure", code: status, reason, message }) };
  }
}
