/**
 * `npm run bench`: ours and its peers, side by side in one run on this machine. `--help` tells the rest;
 * docs/performance.md tells what the figures mean.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { CommanderError } from "commander";
import { startBackends } from "./backends.ts";
import { measureFigure } from "./bench.ts";
import { Children } from "./children.ts";
import { builtExecutable, ROOT } from "./executable.ts";
import { FIGURES } from "./figures/all.ts";
import type { Figure } from "./figures/figure.ts";
import { createCertificates, EXPORTING, folders, type Lab, LOOPBACK_PLACES, SERVICES, type Service } from "./lab.ts";
import { describeMachine } from "./machine.ts";
import { type Options, parseOptions, select } from "./options.ts";
import type { Started } from "./plan.ts";
import { writePlots } from "./plot/files.ts";
import type { FigureResult, Result, Skip } from "./result.ts";
import { findSubjects } from "./subjects/all.ts";
import { parsePorts } from "./subjects/entries.ts";
import type { Subject } from "./subjects/subject.ts";
import { formatResult } from "./table.ts";

/** What shells report of a program that Ctrl-C ended. */
const INTERRUPTED = 130;

/** @returns the exit code: 0 measured, 1 something failed, 2 wrong usage. */
async function main(args: readonly string[]): Promise<number> {
  try {
    const options = parseOptions(args);
    if (options.plot !== undefined) return draw(options.plot, options.plots ?? join(ROOT, "docs", "plots"));
    const figures = select("figure", FIGURES, options.only);
    const executable = options.executable === undefined ? await builtExecutable() : resolve(options.executable);
    const { subjects, missing } = findSubjects(executable, options.before && resolve(options.before));
    const chosen = select("subject", subjects, options.subjects);
    const result = await measure(options, figures, chosen, executable, missing);
    const file = resolve(options.json);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `${JSON.stringify(result, undefined, 2)}\n`);
    const plots = writePlots(result, resolve(options.plots ?? join(dirname(file), "plots")));
    console.log(`\n${formatResult(result)}\n\nwritten to ${[options.json, ...plots].join(", ")}`);
    return [result, ...result.figures].some(({ skipped }) => skipped.some(({ failed }) => failed)) ? 1 : 0;
  } catch (error) {
    if (process.exitCode === INTERRUPTED) return INTERRUPTED;
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    console.error(`bench: ${(error as Error).message}`);
    return error instanceof RangeError ? 2 : 1;
  }
}

function draw(file: string, folder: string): number {
  const result = JSON.parse(readFileSync(resolve(file), "utf8")) as Result;
  const plots = writePlots(result, resolve(folder));
  if (plots.length === 0) throw new Error(`${file} has no figure with curves`);
  console.log(`written to ${plots.join(", ")}`);
  return 0;
}

function concerns(figure: Figure, subject: Subject): boolean {
  return figure.kind === "proxy" && (figure.concerns?.(subject) ?? true);
}

function servicesOf(figure: Figure): (Service | undefined)[] {
  return figure.kind === "proxy" ? [figure.service, ...(figure.besides ?? [])] : [figure.service];
}

async function measure(
  options: Options,
  figures: readonly Figure[],
  subjects: ReturnType<typeof findSubjects>["subjects"],
  executable: string,
  missing: readonly Skip[],
): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), "clusterlink-bench-"));
  const children = new Children(folder);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(signal, () => {
      process.exitCode = INTERRUPTED;
      void children.endAll();
    });
  }
  try {
    const progress = (text: string) => console.error(`  ${text}`);
    const local = figures.filter((figure) => figure.kind === "own" || figure.link === undefined);
    const services = SERVICES.filter((name) => local.some((figure) => servicesOf(figure).includes(name)));
    const lab: Lab = {
      children,
      certificates: await createCertificates(children, executable),
      places: LOOPBACK_PLACES,
      backends: await startBackends(
        children,
        services,
        parsePorts(process.env["BENCH_PORTS"] ?? ""),
        LOOPBACK_PLACES[EXPORTING],
      ),
      workers: availableParallelism(),
      folder: folders(folder),
    };
    const started: Started[] = [];
    const skipped = [...missing];
    for (const subject of subjects.filter((one) => local.some((figure) => concerns(figure, one)))) {
      progress(`starting ${subject.name} (${subject.version})`);
      try {
        started.push({ subject, running: await subject.start(lab) });
      } catch (error) {
        if (children.ended) throw error;
        skipped.push({ what: subject.name, reason: (error as Error).message, failed: true });
      }
    }
    const began = new Date().toISOString();
    const results: FigureResult[] = [];
    for (const figure of figures) {
      results.push(await measureFigure(figure, { ...options, lab, started, subjects, executable, progress }));
      if (children.ended) throw new Error("ended");
    }
    return {
      started: began,
      machine: describeMachine(),
      subjects: subjects.map(({ name, version }) => ({ name, version })),
      skipped,
      rounds: options.rounds,
      quick: options.quick,
      figures: results,
    };
  } finally {
    await children.endAll();
    rmSync(folder, { recursive: true, force: true });
  }
}

process.exit(await main(process.argv.slice(2)));
