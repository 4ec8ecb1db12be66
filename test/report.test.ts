/** The totals that `npm test` ends with are the tests' own. */
import { expect, test } from "bun:test";
import { addTotals, readReport } from "./report.ts";

const REPORT = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="bun test" tests="4">
  <testsuite name="a.test.ts" file="a.test.ts">
    <testcase name="ok &amp; &lt;b&gt;" classname="" file="test/a.test.ts" line="2" assertions="0" />
    <testcase name="speaks &quot;kubectl&quot; (skipped: kubectl is not installed)" file="test/a.test.ts" line="3">
      <skipped />
    </testcase>
    <testsuite name="grp">
      <testcase name="fails" classname="grp" file="test/a.test.ts" line="4">
        <failure type="AssertionError" message="&lt;skipped">no</failure>
      </testcase>
      <testcase name="runs" classname="clusters (skipped: this is not root)" file="test/b.test.ts" line="5">
        <skipped />
      </testcase>
      <testcase name="n" classname="grp" file="test/a.test.ts" line="4"></testcase>
    </testsuite>
  </testsuite>
</testsuites>`;

test("passed, failed and skipped tests are counted, and a skip keeps its reason", () => {
  expect(readReport(REPORT)).toEqual({
    passed: 2,
    failed: 1,
    skipped: [
      'test/a.test.ts: speaks "kubectl" (skipped: kubectl is not installed)',
      "test/b.test.ts: clusters (skipped: this is not root) > runs",
    ],
  });
});

test("no report counts nothing", () => {
  expect(readReport("")).toEqual({ passed: 0, failed: 0, skipped: [] });
});

test("totals add up", () => {
  const one = { passed: 1, failed: 2, skipped: ["a"] };
  expect(addTotals(one, { passed: 10, failed: 20, skipped: ["b"] })).toEqual({
    passed: 11,
    failed: 22,
    skipped: ["a", "b"],
  });
});
