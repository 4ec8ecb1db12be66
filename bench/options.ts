/** The command line of the bench. */
import { Command, InvalidArgumentError } from "commander";

export interface Options {
  /** Names of figures; a name without its number (`requests`) stands for all of that kind. */
  readonly only: readonly string[];
  readonly subjects: readonly string[];
  readonly rounds: number;
  readonly quick: boolean;
  /** Seconds that a subject rests before its first connection after that is timed. */
  readonly idle: number;
  readonly json: string;
  /** The executable that is measured instead of dist/clusterlink. */
  readonly executable?: string;
  /** Where to write plots; beside the result, or in the documentation with `plot`, when it is left out. */
  readonly plots?: string;
  /** The result of an earlier run, to draw its plots instead of measuring. */
  readonly plot?: string;
  /** An older executable to compare with. */
  readonly before?: string;
}

const EXAMPLES = `
Examples:
  npm run bench                                    everything; takes about half an hour
  npm run bench -- --quick                         a first look, in a few minutes
  npm run bench -- --only requests,connections     some figures
  npm run bench -- --subjects ours,direct --only redis --rounds 9
  npm run bench -- --before /tmp/clusterlink.old   ours against an older executable of ours, too
  npm run bench -- --json /tmp/result.json
  npm run bench -- --only shapes                   how costs grow: tables, and plots in dist/plots
  npm run bench -- --plot dist/bench.json          draws docs/plots anew from an earlier run
  npm run bench -- --only wan-first-byte --idle 600 --rounds 1    the first connection after ten idle minutes

Environment:
  BENCH_HAPROXY, BENCH_NGINX, BENCH_STUNNEL, BENCH_GHOSTUNNEL, BENCH_WRK, …
      an executable to use instead of the one on PATH
  BENCH_WAN
      the folder of the wide-area link's emulator; ../shared/wan otherwise
  BENCH_CLUSTERLINK='http=HOST:PORT,iperf3=HOST:PORT,redis=HOST:PORT,pids=PID+PID'
      entries of a ClusterLink that runs already, and the processes whose CPU time counts
  BENCH_PORTS='http=PORT,iperf3=PORT,redis=PORT,echo=PORT'
      where the services listen that such a ClusterLink exports; free ports otherwise
`;

const DEFAULT_ROUNDS = 5;
const QUICK_ROUNDS = 3;
const DEFAULT_IDLE = 30;
const QUICK_IDLE = 5;

/** Options whose defaults depend on others. */
type Parsed = Omit<Options, "rounds" | "idle"> & Partial<Pick<Options, "rounds" | "idle">>;

/**
 * @param args - what follows the program's name
 * @throws {CommanderError} on wrong usage, and after `--help`; both have been printed
 */
export function parseOptions(args: readonly string[]): Options {
  const command = new Command("npm run bench --")
    .description("Measures ours and its peers side by side on this machine: interleaved rounds, medians and ratios.")
    .option("--only <names>", "figures, separated by commas", list, [])
    .option("--subjects <names>", "subjects, separated by commas; all that are installed otherwise", list, [])
    .option("--rounds <n>", `rounds of each figure (${DEFAULT_ROUNDS}; ${QUICK_ROUNDS} with --quick)`, positiveInteger)
    .option("--quick", "short runs, for a first look", false)
    .option(
      "--idle <seconds>",
      `rest before "after idle" (${DEFAULT_IDLE}; ${QUICK_IDLE} with --quick)`,
      positiveInteger,
    )
    .option("--json <file>", "where to write the result", "dist/bench.json")
    .option("--plots <folder>", "where to write plots; plots beside the result, or docs/plots with --plot, otherwise")
    .option("--plot <file>", "measure nothing, and draw the plots of this earlier result")
    .option("--executable <file>", "measure this instead of dist/clusterlink, which is built when it is out of date")
    .option("--before <file>", "measure this older executable of ours, too")
    .addHelpText("after", EXAMPLES)
    .exitOverride();
  const { quick, ...parsed } = command.parse([...args], { from: "user" }).opts<Parsed>();
  const [rounds, idle] = quick ? [QUICK_ROUNDS, QUICK_IDLE] : [DEFAULT_ROUNDS, DEFAULT_IDLE];
  return { rounds, idle, ...parsed, quick };
}

/**
 * @returns those of `known` that `wanted` names, or all when it names none, in the order of `known`
 * @throws {RangeError} on a name that is not known
 */
export function select<T extends { readonly name: string }>(
  what: string,
  known: readonly T[],
  wanted: readonly string[],
): T[] {
  const matches = (name: string, word: string) => name === word || name.startsWith(`${word}-`);
  const unknown = wanted.filter((word) => !known.some(({ name }) => matches(name, word)));
  if (unknown.length > 0) {
    const names = known.map(({ name }) => name).join(", ");
    throw new RangeError(`there is no ${what} ${unknown.join(", ")}; there are ${names}`);
  }
  return known.filter(({ name }) => wanted.length === 0 || wanted.some((word) => matches(name, word)));
}

function list(text: string): string[] {
  return text
    .split(",")
    .map((word) => word.trim())
    .filter(Boolean);
}

function positiveInteger(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new InvalidArgumentError("It must be a whole number above 0.");
  return number;
}
