/** What a command that goes on does while the gateway is restarted. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { childrenOf, freePort, isAlive, sitesOfTests, until } from "../process/gateway-process.ts";
import { cleanEnvironment, clusterlink, command } from "./clusterlink.ts";

const newSite = sitesOfTests();

function controlOf(pid: number): number {
  for (const [line, child] of childrenOf(pid)) if (line.startsWith("clusterlink control")) return child;
  throw new Error(`gateway ${pid} has no control`);
}

test("'get -w' goes on where it was when control is replaced", async () => {
  const site = await newSite();
  const { pid } = await site.startReady();
  await site.createImport("before", freePort());
  const watch = Bun.spawn(command("get", "imports", "-w", "-o", "name"), {
    env: { ...cleanEnvironment(), CLUSTERLINK_SERVER: `unix:${join(site.state, "api.sock")}` },
    stdout: "pipe",
    stderr: "pipe",
  });
  let said = "";
  const reading = (async () => {
    for await (const chunk of watch.stdout) said += new TextDecoder().decode(chunk);
  })();
  try {
    await until(() => said.includes("import.clusterlink.net/before"));
    const control = controlOf(pid);
    process.kill(control, "SIGKILL");
    await until(() => !isAlive(control));
    await site.ready();
    await site.createImport("after", freePort());
    await until(() => said.includes("import.clusterlink.net/after"));
    expect(watch.exitCode).toBe(null);
  } finally {
    watch.kill();
    await reading;
  }
  expect(await new Response(watch.stderr).text()).toBe("");
});

test("a server that is no gateway is told as such", async () => {
  const folder = mkdtempSync("/tmp/clusterlink-web-");
  const socket = join(folder, "web.sock");
  const server = Bun.serve({ unix: socket, fetch: () => new Response("<html>") });
  try {
    const { code, err } = await clusterlink(["status", "--server", `unix:${socket}`]);
    expect(err).toBe(`error: unix:${socket} answered what is no JSON: is the control API of a gateway there?\n`);
    expect(code).toBe(1);
  } finally {
    await server.stop(true);
    rmSync(folder, { recursive: true });
  }
});
