/** The house rules of src/: imports go downwards only, and the thinking parts touch nothing but their arguments. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";

const root = join(import.meta.dir, "..");

/** A part may import the parts of lower layers, and its neighbours where the layer says so. */
const LAYERS = [
  { parts: ["main.ts"], neighbours: false },
  { parts: ["cli"], neighbours: false },
  { parts: ["process"], neighbours: false },
  { parts: ["control", "relay", "api", "operator"], neighbours: false },
  { parts: ["store", "balance", "wire", "pki", "telemetry"], neighbours: true },
  { parts: ["policy", "resources", "snapshot", "deploy"], neighbours: true },
];

const PURE = ["policy", "balance", "wire", "resources", "snapshot", "deploy"];

/** What reaches a socket, a file, a clock or a process. */
const IMPURE = [
  /\bDate\.now\b/,
  /\bnew Date\(\s*\)/,
  /\bperformance\.now\b/,
  /\b(?:setTimeout|setInterval|setImmediate|queueMicrotask)\b/,
  /\bprocess\./,
  /\bBun\.(?!deepEquals\b|hash\b|stringWidth\b)/,
  /\bfetch\(/,
  /\bWebSocket\b/,
  /\brandomUUID\b/,
  /\bgetRandomValues\b/,
];

/** The libraries that compute only. */
const PURE_LIBRARIES = ["zod", "@hono/zod-openapi", "jose", "node:buffer", "node:crypto"];

interface Source {
  readonly path: string;
  readonly part: string;
  readonly code: string;
  readonly imports: readonly string[];
}

async function readSources(): Promise<Source[]> {
  const paths = [...new Bun.Glob("**/*.ts").scanSync({ cwd: join(root, "src") })].sort();
  return Promise.all(
    paths.map(async (path) => {
      const code = withoutComments(await Bun.file(join(root, "src", path)).text());
      const imports = [...code.matchAll(/(?:^import|^(?:import|export|\}).* from|\bimport\()\s*"([^"\n]+)"/gm)].map(
        (match) => match[1] as string,
      );
      return { path, part: partOf(path), code, imports };
    }),
  );
}

function withoutComments(code: string): string {
  return code.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
}

function partOf(path: string): string {
  return path.split("/")[0] as string;
}

/** The part that a relative import leads to; nothing for libraries and for files beside src/. */
function importedPart(from: string, specifier: string): string | undefined {
  if (!specifier.startsWith(".")) return undefined;
  const path = join("src", from, "..", specifier);
  return path.startsWith("src/") ? partOf(path.slice("src/".length)) : undefined;
}

function layerOf(part: string): number {
  return LAYERS.findIndex((layer) => layer.parts.includes(part));
}

const sources = await readSources();

/** Every pair of parts where the first imports the second, with a file that does. */
const edges = sources.flatMap((source) =>
  source.imports.flatMap((specifier) => {
    const to = importedPart(source.path, specifier);
    return to === undefined || to === source.part ? [] : [{ from: source.part, to, file: source.path }];
  }),
);

test("there is something to hold the rules against", () => {
  expect(sources.length).toBeGreaterThan(10);
  expect(edges.length).toBeGreaterThan(10);
});

test("every part of src/ has its layer", () => {
  const unknown = new Set(sources.map((source) => source.part).filter((part) => layerOf(part) < 0));
  expect([...unknown]).toEqual([]);
});

test("a part imports lower layers only", () => {
  const wrong = edges.filter(({ from, to }) => layerOf(to) < layerOf(from));
  expect(wrong.map(({ file, to }) => `${file} imports ${to}`)).toEqual([]);
});

test("control, relay, api and operator never import each other", () => {
  const wrong = edges.filter(({ from, to }) => layerOf(to) === layerOf(from) && !LAYERS[layerOf(from)]?.neighbours);
  expect(wrong.map(({ file, to }) => `${file} imports ${to}`)).toEqual([]);
});

test("neighbours never import each other in a circle", () => {
  const reaches = (from: string, to: string, seen = new Set<string>()): boolean =>
    edges.some((edge) => {
      if (edge.from !== from || seen.has(edge.to)) return false;
      return edge.to === to || reaches(edge.to, to, seen.add(edge.to));
    });
  const circles = [...new Set(edges.map((edge) => edge.from))].filter((part) => reaches(part, part));
  expect(circles).toEqual([]);
});

describe.each(PURE)("%s thinks and touches nothing", (part) => {
  const files = sources.filter((source) => source.part === part);

  test("no socket, file, clock or process", () => {
    const wrong = files.flatMap(({ path, code }) =>
      IMPURE.flatMap((pattern) => {
        const match = pattern.exec(code);
        return match ? [`${path} uses ${match[0]}`] : [];
      }),
    );
    expect(wrong).toEqual([]);
  });

  test("no library but those that compute only", () => {
    const wrong = files.flatMap(({ path, imports }) =>
      imports
        .filter((specifier) => !specifier.startsWith(".") && !PURE_LIBRARIES.includes(specifier))
        .map((specifier) => `${path} imports ${specifier}`),
    );
    expect(wrong).toEqual([]);
  });
});

test("no file and no folder is named for being left over", () => {
  const paths = [...new Bun.Glob("{src,test,packaging,bench,scripts}/**/*").scanSync({ cwd: root })];
  const vague = /(?:^|\/)(?:utils?|commons?|helpers?|misc|shared|stuff)(?:\.[^/]*)?(?:\/|$)/i;
  expect(paths.filter((path) => vague.test(path))).toEqual([]);
});
