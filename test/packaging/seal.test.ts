/** No variable of the environment makes the executable run anything but its own program. */
import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SEALED_VARIABLES, sealRuntime } from "../../packaging/seal.ts";
import { EXECUTABLE } from "./executable.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const whole = SEALED_VARIABLES.map((name) => `\0${name}\0`).join("");

/** An HTTPS server of a fabric of its own, which counts what it is asked and refuses it. */
class Localhost {
  asked = 0;
  readonly #folder = mkdtempSync(join(tmpdir(), "clusterlink-tls-"));
  readonly #server: ReturnType<typeof Bun.serve>;

  constructor() {
    const create = (...words: string[]) => Bun.spawnSync([EXECUTABLE, "create", ...words], { cwd: this.#folder });
    create("fabric", "--name", "foreign");
    create("peer-cert", "--fabric", "foreign", "--name", "localhost");
    const pem = (name: string) => Bun.file(join(this.#folder, "foreign", "localhost", name));
    this.#server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      tls: { cert: pem("cert.pem"), key: pem("key.pem") },
      fetch: () => {
        this.asked++;
        return new Response("no", { status: 403 });
      },
    });
  }

  get url(): string {
    return `https://localhost:${this.#server.port}`;
  }

  get ca(): string {
    return join(this.#folder, "foreign", "cert.pem");
  }

  async close(): Promise<void> {
    await this.#server.stop(true);
    rmSync(this.#folder, { recursive: true });
  }
}

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

  test("BUN_CONFIG_VERBOSE_FETCH prints no request with its token", async () => {
    const site = new Localhost();
    try {
      const env = { BUN_CONFIG_VERBOSE_FETCH: "curl", CLUSTERLINK_CA: site.ca };
      const words = [EXECUTABLE, "get", "peers", "--server", site.url, "--token", "secret"];
      const child = Bun.spawn(words, { env, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
      const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
      expect(site.asked).toBe(1);
      expect(out + err).not.toMatch(/secret|curl|HTTP\/1/);
    } finally {
      await site.close();
    }
  });

  test("NODE_TLS_REJECT_UNAUTHORIZED does not make the command line trust a stranger", async () => {
    const site = new Localhost();
    try {
      const words = [EXECUTABLE, "get", "peers", "--server", site.url, "--token", "secret"];
      const child = Bun.spawn(words, { env: { NODE_TLS_REJECT_UNAUTHORIZED: "0" }, stdout: "pipe", stderr: "pipe" });
      expect(await new Response(child.stderr).text()).toContain("cannot be trusted");
      expect(await child.exited).toBe(1);
      expect(site.asked).toBe(0);
    } finally {
      await site.close();
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
