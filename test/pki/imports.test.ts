import { expect, test } from "bun:test";
import { Glob } from "bun";

const sources = await Promise.all(
  [...new Glob("src/**/*.ts").scanSync()].map(async (path) => ({ path, text: await Bun.file(path).text() })),
);

const filesWith = (pattern: RegExp): string[] =>
  sources
    .filter(({ text }) => pattern.test(text))
    .map(({ path }) => path)
    .sort();

test("only issuing loads the libraries that issue", () => {
  expect(filesWith(/from "@peculiar|import "reflect-metadata"/)).toEqual(["src/pki/issue.ts", "src/pki/reflect.ts"]);
});

test("only commands load issuing, and only when they issue", () => {
  expect(filesWith(/^import (?!type)[^;]*\/(?:issue|reflect)\.ts"/m)).toEqual(["src/pki/issue.ts"]);
  for (const path of filesWith(/import\("[^"]*\/issue\.ts"\)/)) expect(path).toStartWith("src/cli/");
});
