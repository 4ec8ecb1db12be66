import { describe, expect, test } from "bun:test";
import { issueFabric } from "../../src/pki/issue.ts";
import { createLogger, type LogFields, type LogLevel } from "../../src/telemetry/log.ts";

function lines(
  format: "json" | "text",
  level: LogLevel,
  run: (log: ReturnType<typeof createLogger>) => void,
): string[] {
  const written: string[] = [];
  run(createLogger({ level, format, fields: { role: "relay", relay: 0 }, write: (line) => written.push(line) }));
  return written;
}

const one = (format: "json" | "text", message: string, fields?: LogFields) =>
  lines(format, "trace", (log) => log.info(message, fields))[0] ?? "";

test("what is below the level is not written", () => {
  const written = lines("json", "warn", (log) => {
    for (const level of ["trace", "debug", "info", "warn", "error", "fatal"] as const) log[level](level);
  });
  expect(written.map((line) => JSON.parse(line).message)).toEqual(["warn", "error", "fatal"]);
});

test("a JSON line has the time, the level, the message, and the fields of every logger above it", () => {
  const [line = ""] = lines("json", "info", (log) =>
    log.with({ peer: "oslo" }).with({ n: 1n }).info("tunnel up", { ms: 3 }),
  );
  const { time, ...rest } = JSON.parse(line);
  expect(new Date(time).toISOString()).toBe(time);
  expect(rest).toEqual({ level: "info", message: "tunnel up", role: "relay", relay: 0, peer: "oslo", n: "1", ms: 3 });
});

test("a text line is for people", () => {
  expect(one("text", "tunnel up", { peer: "oslo", gone: undefined })).toMatch(
    /^\d{4}-\d\d-\d\dT\S+Z INFO {2}tunnel up role="relay" relay=0 peer="oslo"\n$/,
  );
});

test.each(["json", "text"] as const)(
  "an error in %s is written with its code, its message and its causes",
  (format) => {
    const cause = Object.assign(new Error("refused"), { code: "ECONNREFUSED" });
    const line = one(format, "no tunnel", { error: new Error("cannot dial", { cause }) });
    for (const part of ["cannot dial", "ECONNREFUSED", "refused"]) expect(line).toContain(part);
  },
);

test("no field takes the place of the time, the level or the message", () => {
  expect(JSON.parse(one("json", "real", { level: "fatal", message: "forged", time: "never" }))).toMatchObject({
    level: "info",
    message: "real",
    time: expect.stringMatching(/Z$/),
  });
});

test.each(["json", "text"] as const)("a message or field in %s with line ends stays one line", (format) => {
  const line = one(format, "a\nb\r\u2028c", { name: "x\n2030-01-01 ERROR forged" });
  if (format === "text") expect(line).toMatch(/^[^\r\u2028]+$/);
  expect(line.split("\n")).toHaveLength(2);
});

test.each(["json", "text"] as const)("what a peer calls things steers no terminal in %s", (format) => {
  const hostile = "\u001b[31m\u009b2J\u007f\u0085\u2028\u202egnp";
  const line = one(format, `no peer ${hostile}`, { [hostile]: hostile, error: new Error(hostile) });
  expect(line.slice(0, -1)).not.toMatch(/[\p{Cc}\p{Zl}\p{Bidi_Control}]/u);
  if (format === "json") expect(JSON.parse(line)).toMatchObject({ message: `no peer ${hostile}`, [hostile]: hostile });
});

test("fields that cannot be printed do not throw", () => {
  const circle: Record<string, unknown> = {};
  circle["self"] = circle;
  expect(JSON.parse(one("json", "odd", { circle })).message).toBe("odd");
  expect(one("text", "odd", { circle })).toContain("odd");
});

describe.each(["json", "text"] as const)("secrets in %s are left out", (format) => {
  test("private keys, wherever they stand", async () => {
    const { key } = await issueFabric({ name: "shop" });
    const secret = key.split("\n")[1] ?? "";
    for (const line of [
      one(format, `bad key: ${key}`),
      one(format, "bad", { key }),
      one(format, "bad", { deep: { list: [key] } }),
      one(format, "bad", { error: new Error(key) }),
      one(format, "bad", { cut: key.slice(0, 120) }),
    ]) {
      expect(line).toContain("[redacted]");
      expect(line).not.toContain(secret.slice(0, 30));
    }
  });

  test("tokens, by their form and by the name of the field", () => {
    const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJlLXNpZ25hdHVyZQ";
    for (const fields of [
      { header: `Bearer ${jwt}` },
      { token: "abcsecret" },
      { authzKey: "abcsecret" },
      { acceptedAuthzKeys: ["abcsecret"] },
      { a: { password: "abcsecret" } },
      { jwt },
    ]) {
      const line = one(format, "in", fields as LogFields);
      expect(line).toContain("[redacted]");
      expect(line).not.toMatch(/abcsecret|c2lnbmF0/);
    }
  });

  test("but what is none stays: keys of resources, certificates", () => {
    const line = one(format, "port", { key: "default/web", cert: "-----BEGIN CERTIFICATE-----" });
    expect(line).toContain("default/web");
    expect(line).not.toContain("redacted");
  });
});

test("by default it writes to standard error, and a process that ends right after loses nothing", async () => {
  const script = `
    import { createLogger } from "./src/telemetry/log.ts";
    createLogger({ level: "info", format: "json" }).fatal("last words");
    process.exit(3);`;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "pipe" });
  expect(JSON.parse(await new Response(child.stderr).text()).message).toBe("last words");
  expect(await child.exited).toBe(3);
});
