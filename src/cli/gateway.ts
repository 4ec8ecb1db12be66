/** `clusterlink gateway`. */
import { type Command, Option } from "commander";
import {
  ConfigError,
  type FlagValues,
  GATEWAY_FLAGS,
  type GatewayFlag,
  parseGatewayConfig,
} from "../process/config.ts";
import { createLogger } from "../telemetry/log.ts";
import { CliError } from "./errors.ts";
import { mistypedVariables } from "./gateway-variables.ts";
import { fail } from "./output.ts";

/**
 * Hidden: for whoever starts gateways that must not outlive it. A pipe to their standard input ends with its process,
 * however that ends.
 */
export const LEASH = "--leash";

/** Adds `gateway` to the program, with the flags of {@link GATEWAY_FLAGS}. */
export function addGatewayCommand(program: Command): void {
  const command = program
    .command("gateway")
    .description(
      "Runs the gateway of a site until SIGTERM or SIGINT. Each flag can be given as a variable; flags outrank variables.",
    );
  const flags: GatewayFlag<unknown>[] = Object.values(GATEWAY_FLAGS);
  for (const flag of flags) command.addOption(optionOf(flag));
  command.addOption(new Option(LEASH, "end when standard input does").hideHelp());
  command.addHelpText("after", EXAMPLES).action(async ({ leash, ...values }: FlagValues & { leash?: true }) => {
    const config = readConfig(typed(values, command));
    const log = createLogger({ level: config.logLevel, format: config.logFormat, fields: { role: "supervisor" } });
    for (const { given, meant } of mistypedVariables(process.env, VARIABLES)) {
      log.warn(`the variable ${given} is unknown and counts for nothing; did you mean ${meant}?`);
    }
    const { runGateway } = await import("../process/gateway.ts");
    process.exitCode = await runGateway(config, leash && endOfInput());
    // Whoever still waits for the input would keep the process.
    if (leash) process.exit();
  });
}

async function endOfInput(): Promise<void> {
  const reader = Bun.stdin.stream().getReader();
  while (!(await reader.read()).done);
}

function optionOf(flag: GatewayFlag<unknown>): Option {
  const shownDefault = flag.default ?? flag.defaultText;
  const facts = [
    flag.env,
    ...(shownDefault === undefined || flag.argument === undefined ? [] : [`default ${shownDefault}`]),
  ];
  const option = new Option(
    flag.argument === undefined ? flag.name : `${flag.name} <${flag.argument}>`,
    `${flag.description}${flag.repeatable ? "; may be repeated" : ""} (${facts.join("; ")})`,
  );
  return flag.repeatable ? option.argParser((value: string, before?: string[]) => [...(before ?? []), value]) : option;
}

/** Without the defaults that commander makes up for `--no-…`: a variable outranks them. */
function typed(values: FlagValues, command: Command): FlagValues {
  return Object.fromEntries(Object.entries(values).filter(([key]) => command.getOptionValueSource(key) === "cli"));
}

function readConfig(values: FlagValues): ReturnType<typeof parseGatewayConfig> {
  try {
    return parseGatewayConfig(values, process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const [last = "", ...others] = error.faults.toReversed();
    for (const fault of others.toReversed()) fail(fault);
    throw new CliError("usage", last, { cause: error });
  }
}

const VARIABLES = Object.values(GATEWAY_FLAGS).map((flag) => flag.env);

const EXAMPLES = `
A DURATION is a number with its unit, ms, s, m or h, or several of them: 500ms, 25s, 1m30s.

Examples:
  clusterlink gateway --pki shop/berlin --state ./state
  clusterlink gateway --pki shop/berlin --state ./state --manifests ./manifests --peer-label region=eu
  CLUSTERLINK_LISTEN=[::]:9443 clusterlink gateway --pki shop/berlin --api-listen 127.0.0.1:9444`;
