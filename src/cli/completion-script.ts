/** Completion scripts: plain lists of words, made once, so that the tab key starts no process. */

export type Shell = "bash" | "zsh" | "fish";

export interface CompletionWords {
  /** One word, or two for a command of a command. */
  name: string;
  summary: string;
  /** Subcommands, choices of the first argument, and long options. */
  words: string[];
  /** The options that want a value; without choices it is anything, a file perhaps. */
  values: { flags: string[]; choices: string[] }[];
  /** Whether the command takes a kind. */
  kinds: boolean;
}

/** @returns the script for a shell. */
export function scriptFor(shell: Shell, commands: CompletionWords[], kinds: string[]): string {
  if (shell === "fish") return fish(commands, kinds);
  const names = commands.flatMap(({ name }) => (name.includes(" ") ? [] : [name])).join(" ");
  const words = commands.map((command) => {
    const all = [...command.words, ...(command.kinds ? kinds : [])].join(" ");
    return `    ${JSON.stringify(command.name)}) candidates="${all}" ;;`;
  });
  const values = commands.flatMap((command) =>
    command.values.map(({ flags, choices }) => {
      const patterns = flags.map((flag) => JSON.stringify(`${command.name}:${flag}`)).join("|");
      return `    ${patterns}) candidates="${choices.join(" ")}" ;;`;
    }),
  );
  const nested = commands.flatMap(({ name }) => (name.includes(" ") ? [JSON.stringify(name)] : [])).join("|");
  return (shell === "bash" ? bash : zsh)({ names, nested, words: words.join("\n"), values: values.join("\n") });
}

interface Parts {
  names: string;
  /** Pattern of the commands of two words. */
  nested: string;
  words: string;
  values: string;
}

function bash({ names, nested, words, values }: Parts): string {
  return `_clusterlink() {
  local candidates="" current="\${COMP_WORDS[COMP_CWORD]}" key="\${COMP_WORDS[1]}"
  [ "$COMP_CWORD" -gt 2 ] && case "$key \${COMP_WORDS[2]}" in
    ${nested}) key="$key \${COMP_WORDS[2]}" ;;
  esac
  if [ "$COMP_CWORD" -le 1 ]; then
    candidates="${names}"
  else
    case "$key" in
${words}
    esac
    case "$key:\${COMP_WORDS[COMP_CWORD - 1]}" in
${values}
    esac
  fi
  COMPREPLY=($(compgen -W "$candidates" -- "$current"))
}
complete -o default -F _clusterlink clusterlink`;
}

function zsh({ names, nested, words, values }: Parts): string {
  return `#compdef clusterlink
_clusterlink() {
  local candidates="" key="$words[2]"
  (( CURRENT > 3 )) && case "$key $words[3]" in
    ${nested}) key="$key $words[3]" ;;
  esac
  if (( CURRENT <= 2 )); then
    candidates="${names}"
  else
    case "$key" in
${words}
    esac
    case "$key:$words[CURRENT-1]" in
${values}
    esac
  fi
  compadd -- \${=candidates} || _files
}
if [ "$funcstack[1]" = "_clusterlink" ]; then _clusterlink "$@"; else compdef _clusterlink clusterlink; fi`;
}

function fish(commands: CompletionWords[], kinds: string[]): string {
  const lines = commands.flatMap((command) => {
    const [first = "", second] = command.name.split(" ");
    const behind = [first, second ?? []].flat().map((word) => `__fish_seen_subcommand_from ${word}`);
    const at = `complete -c clusterlink -n '${behind.join("; and ")}'`;
    const options = new Map(command.values.flatMap(({ flags, choices }) => flags.map((flag) => [flag, choices])));
    const own = second === undefined ? [firstWord(command)] : [];
    const all = command.words.map((word) =>
      word.startsWith("--") ? at + option(word, options) : `${at} -f -a ${word}`,
    );
    return [...own, ...all, ...(command.kinds ? [`${at} -f -a '${kinds.join(" ")}'`] : [])];
  });
  return lines.join("\n");
}

function firstWord({ name, summary }: CompletionWords): string {
  return `complete -c clusterlink -n __fish_use_subcommand -f -a ${name} -d ${quoted(summary)}`;
}

function option(word: string, values: ReadonlyMap<string, string[]>): string {
  const choices = values.get(word);
  if (choices === undefined) return ` -l ${word.slice(2)}`;
  return ` -l ${word.slice(2)} -r${choices.length === 0 ? "" : ` -f -a '${choices.join(" ")}'`}`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "\\'")}'`;
}
