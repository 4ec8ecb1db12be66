/** Processes that a test starts as the bench does, and that end with it. */
import { afterEach, beforeEach } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { Children } from "../../bench/children.ts";

/** Declares that every test has a folder of its own. @returns what the present test starts its processes by. */
export function useChildren(): () => Children {
  let children: Children;
  beforeEach(() => {
    children = new Children(mkdtempSync("/tmp/clusterlink-bench-test-"));
  });
  afterEach(async () => {
    await children.endAll();
    rmSync(children.folder, { recursive: true, force: true });
  });
  return () => children;
}
