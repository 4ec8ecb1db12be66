/** Completion scripts: plain lists of words, made once, so that the tab key starts no process. */

export type Shell = "bash" | "zsh" | "fish";

export interface CompletionWords {
  name: string;
  summary: string;
  /** Subcommands and long options. */
  words: string[];
  /** Whether the command takes a kind. */
  kinds: boolean;
}

/** @returns the script for a shell. */
export function scriptFor(shell: Shell, commands: CompletionWords[], kinds: string[]): string {
  if (shell === "fish") return fish(commands, kinds);
  const names = commands.map((command) => command.name).join(" ");
  const cases = commands.map((command) => {
    const words = [...command.words, ...(command.kinds ? kinds : [])].join(" ");
    return `    ${command.name}) candidates="${words}" ;;`;
  });
  return (shell === "bash" ? bash : zsh)(names, cases.join("\n"));
}

function bash(names: string, cases: string): string {
  return `_clusterlink() {
  local candidates="${names}" current="\${COMP_WORDS[COMP_CWORD]}"
  [ "$COMP_CWORD" -gt 1 ] && case "\${COMP_WORDS[1]}" in
${cases}
    *) candidates="" ;;
  esac
  COMPREPLY=($(compgen -W "$candidates" -- "$current"))
}
complete -o default -F _clusterlink clusterlink`;
}

function zsh(names: string, cases: string): string {
  return `#compdef clusterlink
_clusterlink() {
  local candidates="${names}"
  if (( CURRENT > 2 )); then
    case "$words[2]" in
${cases}
    *) candidates="" ;;
    esac
  fi
  compadd -- \${=candidates} || _files
}
if [ "$funcstack[1]" = "_clusterlink" ]; then _clusterlink "$@"; else compdef _clusterlink clusterlink; fi`;
}

function fish(commands: CompletionWords[], kinds: string[]): string {
  const lines = commands.flatMap((command) => [
    `complete -c clusterlink -n __fish_use_subcommand -f -a ${command.name} -d ${quoted(command.summary)}`,
    ...command.words.map((word) => {
      const condition = `-n '__fish_seen_subcommand_from ${command.name}'`;
      return word.startsWith("--")
        ? `complete -c clusterlink ${condition} -l ${word.slice(2)}`
        : `complete -c clusterlink ${condition} -f -a ${word}`;
    }),
    ...(command.kinds
      ? [`complete -c clusterlink -n '__fish_seen_subcommand_from ${command.name}' -f -a '${kinds.join(" ")}'`]
      : []),
  ]);
  return lines.join("\n");
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "\\'")}'`;
}
