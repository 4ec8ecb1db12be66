/** `clusterlink completion`. */
import { Argument, type Command } from "commander";
import { type CompletionWords, type Shell, scriptFor } from "./completion-script.ts";
import { print } from "./output.ts";

/** Adds `completion` to the program, which must have every command loaded when it runs. */
export function addCompletionCommand(program: Command): void {
  program
    .command("completion")
    .description("Prints a script that completes commands, options and kinds.")
    .addArgument(new Argument("<shell>", "the shell that reads the script").choices(["bash", "zsh", "fish"]))
    .addHelpText("after", EXAMPLES)
    .action(async (shell: Shell) => {
      const { KINDS } = await import("../resources/kinds.ts");
      const words = wordsOf(program);
      print(
        scriptFor(
          shell,
          words,
          Object.values(KINDS).map((kind) => kind.plural),
        ),
      );
    });
}

function wordsOf(program: Command): CompletionWords[] {
  const visible = program.createHelp().visibleCommands(program);
  return visible.map((command) => ({
    name: command.name(),
    summary: command.description().split(/[.:;]/)[0] ?? "",
    words: [
      ...command
        .createHelp()
        .visibleCommands(command)
        .map((child) => child.name()),
      ...command.options.flatMap((option) => (option.long && !option.hidden ? [option.long] : [])),
    ],
    kinds: command.registeredArguments.some((argument) => argument.name() === "kind"),
  }));
}

const EXAMPLES = `
Examples:
  source <(clusterlink completion bash)
  clusterlink completion zsh > "\${fpath[1]}/_clusterlink"
  clusterlink completion fish > ~/.config/fish/completions/clusterlink.fish`;
