import { describe, expect, test } from "bun:test";
import { openSync } from "node:fs";
import manifest from "../../package.json";
import { GATEWAY_FLAGS } from "../../src/process/flags.ts";
import { completed } from "../completed.ts";
import { requires } from "../requires.ts";
import { cleanEnvironment, clusterlink, command } from "./clusterlink.ts";

const zsh = requires("zsh");

const COMMANDS = [
  "create",
  "gateway",
  "deploy",
  "apply",
  "get",
  "delete",
  "status",
  "explain",
  "connections",
  "token",
  "kubeconfig",
  "operator",
  "demo",
  "version",
  "completion",
];

test("the version is that of package.json, for people and for programs", async () => {
  expect((await clusterlink(["version"])).out).toStartWith(`clusterlink ${manifest.version} (`);
  expect(JSON.parse((await clusterlink(["version", "-o", "json"])).out)).toMatchObject({ version: manifest.version });
});

test("the help lists every command that is for people, and no other", async () => {
  const { out, code } = await clusterlink(["--help"]);
  const listed = [...out.matchAll(/^ {2}([a-z]+) {2,}/gm)].map((match) => match[1] ?? "");
  expect(code).toBe(0);
  expect(listed.filter((name) => name !== "clusterlink")).toEqual(COMMANDS);
});

const WITH_HELP = ["", ...COMMANDS, "create fabric", "create peer-cert", "deploy peer"];

test.each(WITH_HELP)("'%s --help' shows examples that can be pasted into a shell", async (name) => {
  const { out, code } = await clusterlink([...name.split(" ").filter(Boolean), "--help"]);
  expect(code).toBe(0);
  expect(out).toStartWith(`Usage: clusterlink ${name}`.trimEnd());
  const [, examples = ""] = out.split("\nExamples:\n");
  const lines = examples.split("\n").filter((line) => line.startsWith("  "));
  expect(lines.length).toBeGreaterThan(0);
  const remarks = lines.filter((line) => !line.startsWith("  #") && /\S {2,}\S/.test(line));
  expect(remarks).toEqual([]);
  const read = await completed(["bash", "-n", "-c", lines.join("\n")]);
  expect(read).toEqual({ code: 0, out: "", err: "" });
});

test("'help' reaches the commands of commands", async () => {
  const { out, code } = await clusterlink(["help", "create", "fabric"]);
  expect(out).toStartWith("Usage: clusterlink create fabric ");
  expect(code).toBe(0);
});

test("a kind that is almost one is followed by what was meant", async () => {
  expect((await clusterlink(["get", "imort"])).err).toEndWith(" (did you mean import?)\n");
  expect((await clusterlink(["get", "frobs"])).err).not.toContain("did you mean");
});

test("the help of 'gateway' has every flag with its variable", async () => {
  const { out } = await clusterlink(["gateway", "--help"]);
  for (const flag of Object.values(GATEWAY_FLAGS)) {
    expect(out).toContain(flag.name);
    expect(out).toContain(flag.env);
  }
});

describe("wrong usage exits with 2 and one clear line:", () => {
  const cases = [
    ["an unknown command", ["frob"], "error: unknown command 'frob'"],
    [
      "a command of kubectl's",
      ["describe", "import", "web"],
      "error: 'describe' is a command of kubectl: it works on a",
    ],
    ["an unknown option", ["get", "imports", "--frob"], "error: unknown option '--frob'"],
    ["a missing argument", ["get"], "error: missing required argument 'kind'"],
    ["an unknown kind", ["get", "frobs"], "error: 'frobs' is no kind"],
    ["a kind that is almost one", ["get", "imort"], "error: 'imort' is no kind: use one of peers, exports,"],
    [
      "a name with its namespace",
      ["get", "import", "shop/web"],
      "error: 'shop/web' is no name: for 'web' in namespace",
    ],
    ["an empty name", ["delete", "import/"], "error: the name is empty: write for example import/web"],
    ["a kind alone among names", ["delete", "import/a", "b"], "error: 'b' is no kind"],
    ["the help of an unknown command", ["frob", "--help"], "error: unknown command 'frob'"],
    ["help about an unknown command", ["help", "frob"], "error: unknown command 'frob'"],
    ["an unknown format", ["get", "imports", "-o", "xml"], "error: option '-o, --output <format>' argument 'xml'"],
    ["a name in every namespace", ["get", "import", "web", "-A"], "error: a name needs one namespace"],
    ["a watch of several kinds", ["get", "imports,exports", "-w"], "error: -w watches one kind"],
    ["nothing to delete", ["delete", "imports"], "error: which imports?"],
    ["names and --all", ["delete", "imports", "x", "--all"], "error: give either names, or --all or -l"],
    ["files and names", ["delete", "imports", "x", "-f", "y"], "error: give either -f or a kind and names"],
    ["nothing to apply", ["apply"], "error: apply what?"],
    ["an empty namespace", ["get", "imports", "-n", ""], "error: -n '' is no namespace"],
    ["a bad duration", ["token", "--ttl", "soon"], "error: --ttl 'soon' is no duration"],
    ["a duration beyond the longest", ["token", "--ttl", "100y"], "error: --ttl '100y' is too long: a token lives 10y"],
    ["plain HTTP", ["status", "--server", "http://localhost"], "error: --server 'http://localhost' is plain HTTP"],
  ] as const;
  test.each(cases)("%s", async (_rule, args, message) => {
    const { code, out, err } = await clusterlink([...args]);
    expect(err).toStartWith(message);
    expect(err.trimEnd().split("\n")).toHaveLength(1);
    expect(out).toBe("");
    expect(code).toBe(2);
  });
});

test("every fault of the gateway's configuration is told at once, with flag or variable, and exits with 2", async () => {
  const args = ["gateway", "--listen", "nowhere", "--grace", "soon", "--ca", "x"];
  const { code, err } = await clusterlink(args, { env: { CLUSTERLINK_RELAYS: "0" } });
  const lines = err.trimEnd().split("\n");
  expect(lines.every((line) => line.startsWith("error: "))).toBe(true);
  for (const name of ["--listen", "--grace", "CLUSTERLINK_RELAYS (--relays)", "--cert", "--key"]) {
    expect(lines.filter((line) => line.startsWith(`error: ${name}:`))).toHaveLength(1);
  }
  expect(code).toBe(2);
});

describe("of the gateway's flags", () => {
  const gateway = async (args: string[], env: Record<string, string> = {}) =>
    (await clusterlink(["gateway", ...args, "--relays", "0"], { env })).err;
  const onlyRelays = 'error: --relays: "0" is not a number of relays; write 1 to 64\n';
  test("a single-valued one given again counts as given last", async () => {
    expect(await gateway(["--listen", "nowhere", "--listen", "127.0.0.1:8443"])).toBe(onlyRelays);
    expect(await gateway(["--listen", "127.0.0.1:8443", "--listen", "nowhere"])).not.toBe(onlyRelays);
  });
  test("one outranks its variable", async () => {
    expect(await gateway(["--grace", "1s"], { CLUSTERLINK_GRACE: "soon" })).toBe(onlyRelays);
    expect(await gateway([], { CLUSTERLINK_GRACE: "soon" })).not.toBe(onlyRelays);
  });
  test("a repeatable one counts every time", async () => {
    const err = await gateway(["--peer-label", "a b", "--peer-label", "c d", "--peer-label", "region=eu"]);
    expect(err.match(/--peer-label/g)).toHaveLength(2);
  });
});

describe("a gateway that is not there is told with its address and the remedy:", () => {
  test("on a socket", async () => {
    const { code, err } = await clusterlink(["status", "--server", "unix:/nowhere/api.sock"]);
    expect(err).toBe(
      "error: no gateway answers at unix:/nowhere/api.sock (ENOENT): start it with 'clusterlink gateway', " +
        "or name another with --server or CLUSTERLINK_SERVER\n",
    );
    expect(code).toBe(1);
  });
  test("over https", async () => {
    const { code, err } = await clusterlink(["status", "--server", "https://127.0.0.1:1"]);
    expect(err).toStartWith("error: no gateway answers at https://127.0.0.1:1 (");
    expect(code).toBe(1);
  });
  test("and 'status --wait' gives up after its timeout", async () => {
    const { code, err } = await clusterlink([
      "status",
      "--wait",
      "--timeout",
      "100ms",
      "--server",
      "unix:/nowhere/a.sock",
    ]);
    expect(err).toStartWith("error: waited in vain: no gateway answers at unix:/nowhere/a.sock");
    expect(code).toBe(1);
  });
});

test("output ends quietly when its reader has gone", async () => {
  const script = `{ ${command("completion", "bash").join(" ")}; echo "code $?" >&2; } | true`;
  const child = Bun.spawn(["bash", "-c", script], { env: cleanEnvironment(), stdout: "pipe", stderr: "pipe" });
  expect(await new Response(child.stderr).text()).toBe("code 0\n");
});

test("output that cannot be written is one line, and exits with 1", async () => {
  const full = openSync("/dev/full", "w");
  const child = Bun.spawn(command("completion", "bash"), { env: cleanEnvironment(), stdout: full, stderr: "pipe" });
  expect(await new Response(child.stderr).text()).toBe("error: the output cannot be written (ENOSPC)\n");
  expect(await child.exited).toBe(1);
});

describe("a completion script", () => {
  const asked: [words: string[], answer: string][] = [
    [["ap"], "apply"],
    [["get", "imp"], "imports"],
    [["gateway", "--exp"], "--expose-api"],
    [["create", "f"], "fabric"],
    [["create", "fabric", "--k"], "--key-type"],
    [["create", "fabric", "--key-type", "ecd"], "ecdsa-p256"],
    [["deploy", "peer", "--start", "n"], "none"],
    [["get", "peers", "-o", "y"], "yaml"],
    [["completion", "fi"], "fish"],
    [["apply", "-f", ""], ""],
  ];
  const answers = `${asked.map(([, answer]) => answer).join("\n")}\n`;
  const listOf = (words: string[]) => ["clusterlink", ...words].map((word) => `'${word}'`).join(" ");

  test("for bash completes commands, options, their values and kinds", async () => {
    const { out } = await clusterlink(["completion", "bash"]);
    const questions = asked.map(
      ([words]) => `COMP_WORDS=(${listOf(words)}); COMP_CWORD=${words.length}; _clusterlink; echo "\${COMPREPLY[*]}"`,
    );
    expect(await completed(["bash", "-c", [out, ...questions].join("\n")])).toEqual({ code: 0, out: answers, err: "" });
  });
  // The shell itself runs its script.
  test.skipIf(zsh.skip)(`for zsh completes the same ${zsh.reason}`.trimEnd(), async () => {
    const { out } = await clusterlink(["completion", "zsh"]);
    const inPlace = `compdef() { : }; _files() { : }; compadd() { shift; print -- \${(M)@:#$words[CURRENT]*} }`;
    const questions = asked.map(([words]) => `words=(${listOf(words)}); CURRENT=${words.length + 1}; _clusterlink`);
    const script = [inPlace, out, ...questions].join("\n");
    expect(await completed(["zsh", "-f", "-c", script])).toEqual({ code: 0, out: answers, err: "" });
  });
  test.each(["zsh", "fish"])("for %s names every command", async (shell) => {
    const { out, code } = await clusterlink(["completion", shell]);
    for (const name of COMMANDS) expect(out).toContain(name);
    expect(code).toBe(0);
  });
});
