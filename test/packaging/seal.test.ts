/** No variable of the environment makes the executable run anything but its own program. */
import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SEALED_VARIABLES, sealRuntime } from "../../packaging/seal.ts";
import { EXECUTABLE } from "./executable.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const whole = SEALED_VARIABLES.map((name) => `\0${name}\0`).join("");

test("each name is changed into one that no variable can have", () => {
  const bytes = encode(`x${whole}BUN_OPTIONS in a message`);
  sealRuntime(bytes);
  const sealed = new TextDecoder().decode(bytes);
  for (const name of SEALED_VARIABLES) expect(sealed).toContain(`\0=${name.slice(1)}\0`);
  expect(sealed).toContain("BUN_OPTIONS in a message");
});

test.each([
  ["a name that is missing", whole.replace("BUN_BE_BUN", "BUN_BE_OTHER"), "BUN_BE_BUN as expected"],
  ["a name that is there twice", `${whole}\0BUN_OPTIONS\0`, "BUN_OPTIONS twice"],
])("%s stops the build", (_, text, message) => {
  expect(() => sealRuntime(encode(text))).toThrow(message);
});

describe("the executable", () => {
  const version = (env: Record<string, string>) => {
    const { stdout, stderr, exitCode } = Bun.spawnSync([EXECUTABLE, "version"], { env, stdin: "ignore" });
    return { stdout: stdout.toString(), stderr: stderr.toString(), exitCode };
  };
  const expected = version({});

  test("tells its version", () => {
    expect(expected).toMatchObject({
      exitCode: 0,
      stderr: "",
      stdout: expect.stringMatching(/^clusterlink \d+\.\d+\.\d+/),
    });
  });

  test.each([
    ["BUN_BE_BUN does not make it Bun", { BUN_BE_BUN: "1" }],
    ["BUN_OPTIONS gives it no option", { BUN_OPTIONS: "--version" }],
    ["NODE_OPTIONS gives it no option", { NODE_OPTIONS: "--inspect=127.0.0.1:0" }],
  ])("%s", (_, env) => {
    expect(version(env)).toEqual(expected);
  });

  test.each([
    ["BUN_OPTIONS", "--preload="],
    ["NODE_OPTIONS", "--require="],
    ["BUN_INSPECT_PRELOAD", ""],
  ])("%s loads no module", async (variable, option) => {
    const folder = mkdtempSync(join(tmpdir(), "clusterlink-seal-"));
    try {
      const module = join(folder, "module.js");
      await Bun.write(module, 'console.log("loaded")');
      expect(version({ [variable]: `${option}${module}` })).toEqual(expected);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("BUN_INSPECT opens no debugger", async () => {
    const free = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
    const { port } = free;
    free.stop();
    const env = { BUN_INSPECT: `127.0.0.1:${port}` };
    const waiting = ["status", "--wait", "--timeout", "700ms", "--server", "unix:/nowhere/api.sock"];
    const child = Bun.spawn([EXECUTABLE, ...waiting], { env, stdout: "ignore", stderr: "ignore" });
    let opened = false;
    while (child.exitCode === null && !opened) {
      opened = await fetch(`http://127.0.0.1:${port}/`).then(
        () => true,
        () => false,
      );
      await Bun.sleep(20);
    }
    child.kill();
    expect(opened).toBe(false);
  });

  test("NODE_TLS_REJECT_UNAUTHORIZED does not make the command line trust a stranger", async () => {
    const cwd = mkdtempSync(join(tmpdir(), "clusterlink-tls-"));
    Bun.spawnSync([EXECUTABLE, "create", "fabric", "--name", "foreign"], { cwd });
    Bun.spawnSync([EXECUTABLE, "create", "peer-cert", "--fabric", "foreign", "--name", "localhost"], { cwd });
    const pem = (name: string) => Bun.file(join(cwd, "foreign", "localhost", name));
    let asked = 0;
    const server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      tls: { cert: pem("cert.pem"), key: pem("key.pem") },
      fetch: () => new Response(String(asked++)),
    });
    try {
      const words = [EXECUTABLE, "get", "peers", "--server", `https://localhost:${server.port}`, "--token", "secret"];
      const child = Bun.spawn(words, { env: { NODE_TLS_REJECT_UNAUTHORIZED: "0" }, stdout: "pipe", stderr: "pipe" });
      expect(await new Response(child.stderr).text()).toContain("cannot be trusted");
      expect(await child.exited).toBe(1);
      expect(asked).toBe(0);
    } finally {
      await server.stop(true);
      rmSync(cwd, { recursive: true });
    }
  });

  test("a .env file and a bunfig.toml in the working folder change nothing", async () => {
    const cwd = mkdtempSync(join(tmpdir(), "clusterlink-cwd-"));
    try {
      await Bun.write(join(cwd, "module.js"), 'console.log("loaded")');
      await Bun.write(join(cwd, "bunfig.toml"), 'preload = ["./module.js"]');
      await Bun.write(join(cwd, ".env"), "CLUSTERLINK_SERVER=unix:/from-dotenv.sock");
      const run = Bun.spawnSync([EXECUTABLE, "status"], { cwd, env: {}, stdin: "ignore" });
      expect(`${run.stdout}${run.stderr}`).not.toMatch(/loaded|from-dotenv/);
      expect(run.exitCode).toBe(1);
    } finally {
      rmSync(cwd, { recursive: true });
    }
  });
});
