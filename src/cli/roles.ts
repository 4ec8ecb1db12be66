/** The hidden commands that a gateway's supervisor starts its child processes with. Each loads its own role only. */
import { type Command, InvalidArgumentError } from "commander";

/** Adds `control` to the program. */
export function addControlCommand(program: Command): void {
  program.command("control", { hidden: true }).action(async () => {
    const { runControl } = await import("../process/control-role.ts");
    process.exit(await runControl());
  });
}

/** Adds `relay` to the program. */
export function addRelayCommand(program: Command): void {
  program
    .command("relay", { hidden: true })
    .argument("<index>", "which of the gateway's relays", readIndex)
    .action(async (index: number) => {
      const { runRelay } = await import("../process/relay-role.ts");
      process.exit(await runRelay(index));
    });
}

function readIndex(text: string): number {
  if (!/^\d{1,2}$/.test(text)) throw new InvalidArgumentError("It is a number from 0.");
  return Number(text);
}
