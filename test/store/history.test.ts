import { expect, test } from "bun:test";
import { openDatabase } from "../../src/store/standalone/database.ts";
import { History } from "../../src/store/standalone/history.ts";
import { temporaryFolder } from "./objects.ts";

test("a reader that catches up takes few large changes at once, and gets all of them in order", () => {
  const folder = temporaryFolder();
  const database = openDatabase(folder.path, 0);
  const history = new History(database, { changes: 100, bytes: 64 * 1024 * 1024 });
  const object = "x".repeat(100 * 1024);
  for (let i = 0; i < 12; i++) {
    const [version, kind, type] = [history.nextVersion(), "Export", "ADDED"] as const;
    history.append({ version, kind, namespace: "default", name: `e${i}`, type, object, previous: null });
  }
  const sizes: number[] = [];
  const versions: number[] = [];
  for (let page = history.after("Export", 0); page.length > 0; page = history.after("Export", versions.at(-1) ?? 0)) {
    sizes.push(page.length);
    versions.push(...page.map(({ version }) => version));
  }
  expect(versions).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
  expect(Math.max(...sizes)).toBe(2);
  database.close();
  folder.dispose();
});
