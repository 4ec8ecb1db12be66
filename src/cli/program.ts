/** The command line as a whole: builds the program around the one command that is asked for, and maps failures to exit codes. */
import { Command, CommanderError } from "commander";
import { COMMANDS } from "./commands.ts";
import { CliError } from "./errors.ts";
import { closeQuietly, fail } from "./output.ts";
import { VERSION } from "./version-number.ts";

/**
 * Runs one command line to its end.
 *
 * @param args - what follows the executable's name.
 * @returns the exit code: 0 done, 1 failed, 2 wrong usage or configuration. A command may set `process.exitCode` itself.
 */
export async function run(args: string[]): Promise<number> {
  closeQuietly(process.stdout);
  closeQuietly(process.stderr);
  try {
    const words = withoutHelpCommand(args);
    const [first = ""] = words;
    if (KUBECTL_ONLY.includes(first)) {
      const remedy = "it works on a site with the file that 'clusterlink kubeconfig' writes";
      throw new CliError("usage", `'${first}' is a command of kubectl: ${remedy}`);
    }
    const program = await buildProgram(words);
    await program.parseAsync(words, { from: "user" });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (error instanceof CliError) {
      fail(error.message);
      return error.exitCode;
    }
    fail(error instanceof Error ? error.message : String(error));
    return 1;
  }
}

/**
 * `help COMMAND…` is `COMMAND… --help`, for commands of commands, too. Behind an unknown command nothing counts, `--help`
 * included: the command is what is wrong.
 */
function withoutHelpCommand(args: string[]): string[] {
  const words = args[0] === "help" ? [...args.slice(1), "--help"] : args;
  const [first = "-"] = words;
  const known = first.startsWith("-") || COMMANDS.some((entry) => entry.name === first);
  return known ? words : [first];
}

/** Builds the program. Only the command that `args` names is loaded; the others stand in the help by name and summary. */
async function buildProgram(args: string[]): Promise<Command> {
  const program = new Command("clusterlink")
    .description(
      "Connects services across sites: mutual TLS, one open port, nothing shared unless both sides allow it.",
    )
    .helpCommand("help [command]", "show the help of a command")
    .helpOption("-h, --help", "show this help")
    .version(`clusterlink ${VERSION}`, "-V, --version", "show the version")
    .addHelpText("after", HELP)
    .exitOverride();
  const [wanted] = args;
  const all = COMMANDS.some((entry) => entry.name === wanted && entry.readsAll);
  for (const entry of COMMANDS) {
    if (all || entry.name === wanted) (await entry.load())(program);
    else program.command(entry.name, { hidden: entry.hidden ?? false }).description(entry.summary);
  }
  return program;
}

/** What people know from kubectl and try here. */
const KUBECTL_ONLY = ["describe", "edit", "patch", "label", "annotate", "wait", "replace", "api-resources"];

const HELP = `
Examples:
  # two sites on this machine, talking
  clusterlink demo

  # the CA that all sites of a fabric trust, the certificate of a site, and its gateway
  clusterlink create fabric --name shop
  clusterlink create peer-cert --fabric shop --name berlin
  clusterlink gateway --pki shop/berlin --state ./state

  # in another terminal
  export CLUSTERLINK_SERVER=unix:./state/api.sock
  clusterlink apply -f site.yaml
  clusterlink get imports -A

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.
'clusterlink COMMAND --help' tells more of a command.`;
