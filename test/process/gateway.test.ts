/** One gateway as real processes: who starts, replaces and outlives whom. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { accepts, childrenOf, freePort, groupOf, isAlive, sitesOfTests, until } from "./gateway-process.ts";

const newSite = sitesOfTests();

/** The children by role: `control`, `relay 0`, `relay 1`. */
function roles(pid: number): Record<string, number> {
  const found: Record<string, number> = {};
  for (const [line, child] of childrenOf(pid)) {
    const role = /^clusterlink (control|relay \d)/.exec(line)?.[1];
    if (role !== undefined) found[role] = child;
  }
  return found;
}

describe("a gateway", () => {
  test("is a supervisor, control and relays in one process group, each with its role in its command line", async () => {
    const site = await newSite();
    const { pid } = await site.startReady();
    const children = roles(pid);
    expect(Object.keys(children).sort()).toEqual(["control", "relay 0", "relay 1"]);
    for (const child of Object.values(children)) expect(groupOf(child)).toBe(groupOf(pid));
  });

  test("makes nothing in its state folder that another user could open, in a folder that others may read", async () => {
    const site = await newSite();
    mkdirSync(site.state, { mode: 0o755 });
    await site.startReady();
    const paths = readdirSync(site.state, { recursive: true, encoding: "utf8" });
    expect(paths).toContain(join("run", "relay.sock"));
    const open = paths.filter((path) => (statSync(join(site.state, path)).mode & 0o077) !== 0);
    expect(open).toEqual([]);
  });

  test("has relays that collect garbage in one thread and keep their code, unless the environment says otherwise", async () => {
    const variable = /BUN_JSC_(?:numberOfGCMarkers|forceCodeBlockLiveness)=\d+/g;
    const tuning = (pid: number | undefined) => {
      return [...(readFileSync(`/proc/${pid}/environ`, "utf8").match(variable) ?? [])].sort();
    };
    const site = await newSite();
    const { pid } = await site.startReady();
    for (const [role, child] of Object.entries(roles(pid))) {
      const usual = ["BUN_JSC_forceCodeBlockLiveness=1", "BUN_JSC_numberOfGCMarkers=1"];
      expect(tuning(child)).toEqual(role === "control" ? [] : usual);
    }
    const tuned = await newSite();
    const other = { BUN_JSC_forceCodeBlockLiveness: "0", BUN_JSC_numberOfGCMarkers: "2" };
    const { pid: tunedPid } = await tuned.startReady([], other);
    const wanted = Object.entries(other).map(([name, value]) => `${name}=${value}`);
    expect(tuning(roles(tunedPid)["relay 0"])).toEqual(wanted);
  });

  test("replaces a killed control; the relays go on, and what comes later reaches them", async () => {
    const site = await newSite();
    const port = freePort();
    const { pid } = await site.startReady();
    const before = roles(pid);
    expect((await site.createImport("early", port)).status).toBe(201);
    await until(() => accepts(port));
    process.kill(before.control ?? 0, "SIGKILL");
    expect(await accepts(port)).toBe(true);
    await until(() => roles(pid).control !== undefined && roles(pid).control !== before.control);
    await site.ready();
    expect(await accepts(port)).toBe(true);
    expect(roles(pid)).toEqual({ ...before, control: roles(pid).control ?? 0 });
    const later = freePort();
    await site.createImport("late", later);
    await until(() => accepts(later));
  });

  test("replaces a killed relay, and the other one is left alone", async () => {
    const site = await newSite();
    const { pid } = await site.startReady();
    const before = roles(pid);
    process.kill(before["relay 1"] ?? 0, "SIGKILL");
    await until(() => (roles(pid)["relay 1"] ?? before["relay 1"]) !== before["relay 1"]);
    await site.ready();
    expect(roles(pid)).toEqual({ ...before, "relay 1": roles(pid)["relay 1"] ?? 0 });
  });

  test("leaves nothing behind when its supervisor is killed, and its state is free for the next", async () => {
    const site = await newSite();
    const supervisor = await site.startReady();
    const children = Object.values(roles(supervisor.pid));
    supervisor.kill("SIGKILL");
    await until(() => children.every((pid) => !isAlive(pid)));
    expect(await accepts(site.port)).toBe(false);
    await site.startReady();
  });

  test("has kept an object whose creation was answered when everything was killed", async () => {
    const site = await newSite();
    const { pid } = await site.startReady();
    const { control = 0 } = roles(pid);
    const answer = await site.createImport("kept", freePort());
    process.kill(control, "SIGKILL");
    process.kill(pid, "SIGKILL");
    expect(answer.status).toBe(201);
    await until(() => !isAlive(pid));
    await site.startReady();
    const kept = await site.request("GET", "/apis/clusterlink.net/v1alpha1/namespaces/default/imports/kept");
    expect(kept.status).toBe(200);
  });

  test("does not start on a state folder that has a gateway: exit code 2, and that one goes on", async () => {
    const site = await newSite();
    await site.startReady();
    const second = site.start(["--listen", `127.0.0.1:${freePort()}`]);
    expect(await second.exited).toBe(2);
    expect(await new Response(second.stderr).text()).toContain(`another gateway runs on "${site.state}"`);
    await site.ready();
  });

  test("reports everything that is wrong with its flags, and exits with 2", async () => {
    const site = await newSite();
    const child = site.start(["--grace", "soon", "--peer-label", "x"]);
    expect(await child.exited).toBe(2);
    const text = await new Response(child.stderr).text();
    expect(text).toContain("--grace");
    expect(text).toContain("--peer-label");
  });

  test("reports every certificate file that cannot be used, and exits with 2", async () => {
    const site = await newSite();
    rmSync(join(site.pki, "ca.pem"));
    rmSync(join(site.pki, "key.pem"));
    const child = site.start();
    expect(await child.exited).toBe(2);
    const text = await new Response(child.stderr).text();
    expect(text).toContain("ca.pem: does not exist");
    expect(text).toContain("key.pem: does not exist");
  });

  test("applies a folder of manifests before it is ready, and tells of a broken file in its status", async () => {
    const site = await newSite();
    const port = freePort();
    const folder = join(site.folder, "manifests");
    await Bun.write(
      join(folder, "import.yaml"),
      `{apiVersion: clusterlink.net/v1alpha1, kind: Import, metadata: {name: web}, spec: {port: ${port}, sources: []}}`,
    );
    await site.startReady(["--manifests", folder]);
    expect(await accepts(port)).toBe(true);
    writeFileSync(join(folder, "broken.yaml"), "kind: [");
    await until(async () => (await site.status())?.problems.some((problem) => problem.includes("broken.yaml")));
    expect(await accepts(port)).toBe(true);
  });
});

describe("a gateway that is told to end", () => {
  test.each([["SIGTERM"], ["SIGINT"]] as const)(
    "by %s to its supervisor ends in order: exit code 0",
    async (signal) => {
      const site = await newSite();
      const supervisor = await site.startReady();
      const children = Object.values(roles(supervisor.pid));
      supervisor.kill(signal);
      expect(await supervisor.exited).toBe(0);
      expect(children.filter(isAlive)).toEqual([]);
    },
  );

  test("by a signal to its whole group does the same", async () => {
    const site = await newSite();
    const supervisor = await site.startReady();
    const children = Object.values(roles(supervisor.pid));
    process.kill(-groupOf(supervisor.pid), "SIGTERM");
    expect(await supervisor.exited).toBe(0);
    expect(children.filter(isAlive)).toEqual([]);
    const log = await new Response(supervisor.stderr).text();
    expect(log).not.toContain("started again");
  });

  test("is not ready, yet goes on accepting, during --drain-delay", async () => {
    const site = await newSite();
    const supervisor = await site.startReady(["--drain-delay", "600ms"]);
    supervisor.kill("SIGTERM");
    await until(async () => (await site.status())?.ready === false);
    expect(await accepts(site.port)).toBe(true);
    expect((await site.status())?.notReady).toContain("the gateway is ending");
    expect(await supervisor.exited).toBe(0);
  });

  test("leaves signals to single children to the supervisor", async () => {
    const site = await newSite();
    const { pid } = await site.startReady();
    const before = roles(pid);
    for (const child of Object.values(before)) process.kill(child, "SIGTERM");
    await Bun.sleep(100);
    expect(roles(pid)).toEqual(before);
  });
});
