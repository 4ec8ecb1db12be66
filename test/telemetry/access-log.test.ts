import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AccessRecord, formatRecord } from "../../src/telemetry/access-log.ts";

const dir = mkdtempSync(join(tmpdir(), "access-log-"));
afterAll(() => rmSync(dir, { recursive: true }));

const record: AccessRecord = {
  side: "client",
  import: "default/web",
  export: "shop/web",
  peer: "oslo",
  client: "10.0.0.7:4711",
  attributes: { "client.clusterlink.net/namespace": "default" },
  policy: "default/allow-web",
  outcome: "closed",
  reason: "both sides finished",
  started: Date.parse("2030-06-01T12:00:00.250Z"),
  openMs: 12.5,
  durationMs: 1750,
  bytesIn: 100,
  bytesOut: 2000,
};

/** A line's end in every alphabet, ways to steer a terminal, and a change of the direction of writing. */
const HOSTILE = "web\r\n\u0085\u2028\u2029\u001b[31m\u009b2J\u007f\u202etxt\u2066";
const NOT_PLAIN = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u;

describe("a line", () => {
  test("is one JSON object with the time of the end first", () => {
    const line = formatRecord(record);
    const { started: _started, ...rest } = record;
    expect(line).toEndWith("}\n");
    expect(line).toStartWith('{"time":"2030-06-01T12:00:02.000Z","started":"2030-06-01T12:00:00.250Z",');
    expect(JSON.parse(line)).toEqual({
      time: "2030-06-01T12:00:02.000Z",
      started: "2030-06-01T12:00:00.250Z",
      ...rest,
    });
  });

  test("is one line of plain characters, whatever a peer calls things, and says the same", () => {
    const given = { ...record, export: `shop/${HOSTILE}`, attributes: { [HOSTILE]: HOSTILE }, reason: HOSTILE };
    const line = formatRecord(given);
    expect(line.slice(0, -1)).not.toMatch(NOT_PLAIN);
    expect(JSON.parse(line)).toMatchObject({ export: given.export, attributes: given.attributes, reason: HOSTILE });
  });

  test("with as much as a peer may choose of everything is still one of 4096 bytes", () => {
    for (const filler of ["\u009b", "\u0001", "\u20ac", "\ud800", '"', "\u{1f600}"]) {
      const of = (length: number) => filler.repeat(length / filler.length);
      const given = {
        ...record,
        export: `${of(63)}/${of(253)}`,
        peer: "p".repeat(253),
        trace: of(128),
        reason: of(600),
      };
      const line = formatRecord({ ...given, attributes: Object.fromEntries([[of(300), of(60_000)]]) });
      expect(Buffer.byteLength(line)).toBeLessThanOrEqual(4096);
      expect(JSON.parse(line)).toMatchObject({ truncated: true, export: given.export });
    }
  });

  test.each([
    ["long attributes", { attributes: { a: "x".repeat(5000) } }],
    ["attributes of many bytes in few characters", { attributes: { a: "\u20ac".repeat(1500) } }],
    ["a long reason", { reason: "x".repeat(5000) }],
    [
      "many attempts",
      { tried: Array.from({ length: 200 }, () => ({ peer: "oslo", export: "shop/web", result: "denied" })) },
    ],
  ])("with %s is shortened to 4096 bytes and says so", (_rule, more) => {
    const line = formatRecord({ ...record, ...more });
    expect(Buffer.byteLength(line)).toBeLessThanOrEqual(4096);
    expect(JSON.parse(line)).toMatchObject({
      truncated: true,
      peer: "oslo",
      policy: "default/allow-web",
      bytesOut: 2000,
    });
  });
});

test("long labels do not hide who the client is and why the connection ended", () => {
  const identity = {
    "peer.clusterlink.net/name": "oslo",
    "client.clusterlink.net/namespace": "default",
    "client.clusterlink.net/service-account": "cart",
  };
  const attributes = { "client.clusterlink.net/labels.a": "x".repeat(5000), ...identity };
  const attempt = { peer: "oslo", export: "shop/web", result: "denied" };
  const given = { ...record, attributes, tried: [attempt] };
  expect(JSON.parse(formatRecord(given))).toMatchObject({
    truncated: true,
    attributes: identity,
    tried: [attempt],
    reason: record.reason,
  });
  const many = JSON.parse(formatRecord({ ...given, tried: Array.from({ length: 200 }, () => attempt) }));
  expect(many).toMatchObject({ truncated: true, attributes: identity, reason: record.reason });
  expect(many).not.toHaveProperty("tried");
  const claimed = { ...attributes, "client.clusterlink.net/namespace": "x".repeat(5000) };
  const unbelievable = JSON.parse(formatRecord({ ...given, attributes: claimed }));
  expect(unbelievable).toMatchObject({ truncated: true, reason: record.reason });
  expect(unbelievable).not.toHaveProperty("attributes");
});

const PROGRAM = `
  import { createAccessLog } from "./src/telemetry/access-log.ts";
  const record = ${JSON.stringify(record)};
  const log = createAccessLog();`;

const COMMAND = (body: string): string[] => [process.execPath, "-e", `${PROGRAM}\n${body}`];

function parsed(text: string): { id?: string; dropped?: number }[] {
  expect(text === "" || text.endsWith("\n")).toBe(true);
  return text
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}

test("what was written is there when the process ends after flush, in its order, appended to a file", async () => {
  const path = join(dir, "appended");
  await Bun.write(path, '{"id":"before"}\n');
  const body = `for (let i = 0; i < 3000; i++) log.write({ ...record, id: String(i) });
    process.exit(await log.flush(1000) ? 0 : 1);`;
  const child = Bun.spawn(["sh", "-c", 'exec "$@" >>"$0"', path, ...COMMAND(body)], { stderr: "inherit" });
  expect(await child.exited).toBe(0);
  const ids = parsed(readFileSync(path, "utf8")).map(({ id }) => id);
  expect(ids).toEqual(["before", ...Array.from({ length: 3000 }, (_, i) => String(i))]);
});

test("lines come by themselves within a moment", async () => {
  const child = Bun.spawn(COMMAND(`log.write({ ...record, id: "1" }); setInterval(() => {}, 1000);`), {
    stdout: "pipe",
  });
  const { value } = await child.stdout.getReader().read();
  expect(parsed(new TextDecoder().decode(value))).toHaveLength(1);
  child.kill();
});

test("relays that share a pipe do not tear each other's lines", async () => {
  const body = `for (let i = 0; i < 2000; i++) {
      log.write({ ...record, id: process.argv[1] + i, attributes: { a: "x".repeat(i % 1500) } });
      if (i % 100 === 0) await Bun.sleep(1);
    }
    process.exit(await log.flush(5000) ? 0 : 1);`;
  const child = Bun.spawn(["sh", "-c", '"$@" a & "$@" b & "$@" c & wait', "sh", ...COMMAND(body)], { stdout: "pipe" });
  const ids = parsed(await new Response(child.stdout).text()).map(({ id }) => id);
  expect(ids).toHaveLength(6000);
  expect(ids.filter((id) => id?.startsWith("b"))).toEqual(Array.from({ length: 2000 }, (_, i) => `b${i}`));
});

test("a reader that is stuck costs neither time nor unbounded memory; what is lost is counted in the log and in the gauge", async () => {
  const body = `
    let ticks = 0;
    setInterval(() => ticks++, 5);
    for (let i = 0; i < 40_000; i++) {
      log.write({ ...record, id: String(i) });
      if (i % 1000 === 0) await Bun.sleep(1);
    }
    const early = await log.flush(50);
    process.stderr.write(JSON.stringify({ early, ticks, dropped: log.dropped }) + "\\n");
    while (!(await Bun.file(process.env.GO).exists())) await Bun.sleep(5);
    log.write({ ...record, id: "after" });
    process.exit(await log.flush(5000) ? 0 : 1);`;
  const [gate, go, out] = ["gate", "go", "out"].map((name) => join(dir, name)) as [string, string, string];
  await Bun.$`mkfifo ${gate}`;
  const pipeline = '"$@" | { cat "$GATE" >/dev/null; cat >"$OUT"; }';
  const env = { ...process.env, GATE: gate, GO: go, OUT: out };
  const child = Bun.spawn(["sh", "-c", pipeline, "sh", ...COMMAND(body)], { stderr: "pipe", env });
  const { value } = await child.stderr.getReader().read();
  const stuck: { early: boolean; ticks: number; dropped: number } = JSON.parse(new TextDecoder().decode(value));
  expect(stuck.early).toBe(false);
  expect(stuck.ticks).toBeGreaterThan(5);
  expect(stuck.dropped).toBeGreaterThan(20_000);
  await Bun.write(go, "");
  await Bun.$`echo open > ${gate}`;
  expect(await child.exited).toBe(0);
  const rows = parsed(readFileSync(out, "utf8"));
  const written = rows.filter(({ id }) => id !== undefined);
  const lost = rows.reduce((sum, { dropped = 0 }) => sum + dropped, 0);
  expect(written.length + lost).toBe(40_001);
  expect(lost).toBeGreaterThanOrEqual(stuck.dropped);
  expect(written.slice(0, 100).map(({ id }) => id)).toEqual(Array.from({ length: 100 }, (_, i) => String(i)));
});

test("a reader that has gone does not harm the process", async () => {
  const body = `await Bun.stdin.text();
    for (let i = 0; i < 10; i++) { log.write({ ...record, id: String(i) }); await log.flush(100); }
    process.stderr.write(String(log.dropped));
    process.exit(0);`;
  const child = Bun.spawn(["sh", "-c", '{ "$@"; echo " $?" >&2; } | true', "sh", ...COMMAND(body)], {
    stderr: "pipe",
    stdin: "pipe",
  });
  await Bun.sleep(50);
  child.stdin.end();
  expect(await new Response(child.stderr).text()).toBe("10 0\n");
});
