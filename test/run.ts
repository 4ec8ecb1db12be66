/**
 * What `npm test` runs: the type check, the linter, the build where sources are newer than it, then every test.
 * Arguments go to `bun test`: `npm test -- test/policy`.
 *
 * A failed check does not hide the tests' results: everything runs, and the exit code tells whether anything failed.
 * A test that misses an optional program is skipped and listed with its reason; `CLUSTERLINK_TEST_REQUIRE=all` makes
 * such a skip a failure.
 */
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { addTotals, readReport, type Totals } from "./report.ts";

const root = join(import.meta.dir, "..");

/** One test may take this long; those that start engines and databases say more themselves. */
const TEST_TIMEOUT_MS = 60_000;

async function run(title: string, command: string[]): Promise<boolean> {
  console.log(`\n== ${title}: ${command.join(" ").replaceAll(`${root}/`, "")}`);
  const started = performance.now();
  const code = await Bun.spawn(command, { cwd: root, stdin: "ignore", stdout: "inherit", stderr: "inherit" }).exited;
  console.log(
    `== ${title}: ${code === 0 ? "passed" : `FAILED (exit code ${code})`}, ${((performance.now() - started) / 1000).toFixed(1)} s`,
  );
  return code === 0;
}

/** Whether any source is newer than the executable that tests of processes start. */
function buildIsStale(): boolean {
  const executable = join(root, "dist", "clusterlink");
  if (!existsSync(executable)) return true;
  const built = statSync(executable).mtimeMs;
  const sources = new Bun.Glob("{src,packaging}/**/*");
  const paths = [...sources.scanSync({ cwd: root }), "compile.ts", "package.json", "package-lock.json"];
  return paths.some((path) => statSync(join(root, path)).mtimeMs > built);
}

async function runTests(args: string[]): Promise<Totals> {
  const folder = mkdtempSync(join(tmpdir(), "clusterlink-test-"));
  const report = join(folder, "report.xml");
  try {
    const options = [`--timeout=${TEST_TIMEOUT_MS}`, "--reporter=junit", `--reporter-outfile=${report}`];
    const passed = await run("tests", [process.execPath, "test", ...options, ...(args.length > 0 ? args : ["./test"])]);
    const totals = readReport(existsSync(report) ? await Bun.file(report).text() : "");
    return passed || totals.failed > 0 ? totals : addTotals(totals, { passed: 0, failed: 1, skipped: [] });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const bin = (name: string) => join(root, "node_modules", ".bin", name);
const checks = [
  await run("types", [bin("tsc"), "-p", "."]),
  await run("format and lint", [bin("biome"), "check", "--error-on-warnings"]),
  buildIsStale() ? await run("build", [process.execPath, "compile.ts"]) : true,
];
const failedChecks = checks.filter((passed) => !passed).length;
const totals = addTotals(await runTests(process.argv.slice(2)), {
  passed: checks.length - failedChecks,
  failed: failedChecks,
  skipped: [],
});

for (const name of totals.skipped) console.log(`skipped: ${name}`);
console.log("\nThe type check, the linter and the build count as one each.");
console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped.length} skipped`);
process.exitCode = totals.failed === 0 ? 0 : 1;
