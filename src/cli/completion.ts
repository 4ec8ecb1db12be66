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
  const visible = childrenOf(program);
  return visible.flatMap((command) => [
    completionOf(command, command.name()),
    ...childrenOf(command).map((child) => completionOf(child, `${command.name()} ${child.name()}`)),
  ]);
}

function childrenOf(command: Command): Command[] {
  const all = command.createHelp().visibleCommands(command);
  return all.filter((child) => child.name() !== "help" || command.parent === null);
}

function completionOf(command: Command, name: string): CompletionWords {
  const options = command.options.filter((option) => !option.hidden);
  const argument = command.registeredArguments[0];
  return {
    name,
    summary: command.description().split(/[.:;]/)[0] ?? "",
    words: [
      ...childrenOf(command).map((child) => child.name()),
      ...(argument?.argChoices ?? []),
      ...options.flatMap((option) => option.long ?? []),
    ],
    values: options
      .filter((option) => option.required)
      .map((option) => ({
        flags: [option.short ?? [], option.long ?? []].flat(),
        choices: option.argChoices ?? [],
      })),
    kinds: argument?.name() === "kind",
  };
}

const EXAMPLES = `
Examples:
  source <(clusterlink completion bash)
  clusterlink completion zsh > "\${fpath[1]}/_clusterlink"
  clusterlink completion fish > ~/.config/fish/completions/clusterlink.fish`;
