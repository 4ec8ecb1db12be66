/**
 * What the supervisor tells a child on its standard input: the first line is its configuration, every later one a
 * command. The end of the input means that the supervisor is gone.
 */
import type { GatewayConfig } from "./config.ts";

export interface ChildConfig {
  gateway: GatewayConfig;
  /** New with every start of the gateway. */
  instance: string;
  /** Milliseconds since the epoch: when the gateway started. */
  startedAt: number;
}

/** `drain`: end in an orderly way, within the grace period. `stop`: end now, resetting what is left. */
export type ChildCommand = "drain" | "stop";

export interface ChildInput {
  config: ChildConfig;
  /** Called with each command, and with `orphaned` when the supervisor is gone. Set once, right after reading. */
  onCommand(handler: (command: ChildCommand | "orphaned") => void): void;
}

/**
 * Reads the first line and goes on listening.
 *
 * @throws SyntaxError when it is not JSON; Error when the input ends before it is complete.
 */
export async function readChildInput(input: AsyncIterable<Uint8Array> = Bun.stdin.stream()): Promise<ChildInput> {
  const lines = splitLines(input);
  const first = await lines.next();
  if (first.done) throw new Error("this command is run by 'clusterlink gateway' only");
  const config: ChildConfig = JSON.parse(first.value);
  return {
    config,
    onCommand: async (handler) => {
      for await (const line of lines) if (line === "drain" || line === "stop") handler(line);
      handler("orphaned");
    },
  };
}

async function* splitLines(input: AsyncIterable<Uint8Array>): AsyncGenerator<string, void> {
  const decoder = new TextDecoder();
  let held = "";
  for await (const chunk of input) {
    held += decoder.decode(chunk, { stream: true });
    const lines = held.split("\n");
    held = lines.pop() ?? "";
    yield* lines;
  }
}
