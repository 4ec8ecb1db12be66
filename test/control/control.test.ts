import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Control } from "../../src/control/control.ts";
import { standaloneSite } from "../../src/control/reconcile/site-kind.ts";
import { Site } from "../../src/control/site.ts";
import type { KindName } from "../../src/resources/kinds.ts";
import { StandaloneStore } from "../../src/store/standalone/standalone-store.ts";
import { createLogger } from "../../src/telemetry/log.ts";
import { certificatesOf } from "./certificates.ts";
import { Follower, until } from "./follower.ts";
import { ALLOW_ALL, draft, importOf, SYSTEM } from "./objects.ts";

const certificates = await certificatesOf("east");
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function openStore(): { store: StandaloneStore; directory: string } {
  const directory = mkdtempSync(join(tmpdir(), "control-"));
  cleanups.push(() => rmSync(directory, { recursive: true }));
  const store = new StandaloneStore({ directory, namespace: SYSTEM });
  cleanups.push(() => store.close());
  return { store, directory };
}

function startControl(store: StandaloneStore) {
  const control = new Control({
    store,
    certificates,
    namespace: SYSTEM,
    log: createLogger({ level: "fatal", format: "text" }),
    site: standaloneSite({ importAddress: "::", reserved: new Map([[8443, "the peer port"]]) }),
    self: {
      instance: "i",
      labels: { region: "eu" },
      listen: { address: "::", port: 8443 },
      authzKey: "",
      deadlines: { handshake: 100, open: 100, dial: 100, grace: 100 },
    },
  });
  cleanups.push(() => control.stop());
  const site = new Site(control, { version: "1", startedAt: 0, doors: undefined, processes: [] });
  return { control, site, follow: (index = 0) => new Follower((channel) => control.attach(channel), index) };
}

describe("control", () => {
  test("publishes nothing before every kind has been listed", async () => {
    const { store } = openStore();
    await store.create("Import", draft("Import", "web", importOf(80)));
    const held = Promise.withResolvers<void>();
    const slow = new Proxy(store, {
      get(target, property) {
        if (property === "list") {
          return async (kind: KindName) => {
            if (kind === "AccessPolicy") await held.promise;
            return target.list(kind);
          };
        }
        const value = Reflect.get(target, property, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    const { control, site, follow } = startControl(slow);
    const relay = follow();
    control.start();
    await Bun.sleep(50);
    expect(relay.messages).toEqual([]);
    expect(site.ready().reasons).toContain("the resources have not all been read yet");
    const question = site.explain({ side: "client", import: "default/web", client: { attributes: {} } });
    expect(await question.catch((error) => [error.code, error.message])).toEqual([
      "Unavailable",
      "the resources have not all been read yet; try again",
    ]);
    held.resolve();
    await until(() => relay.tables);
    expect(Object.keys(relay.tables?.imports ?? {})).toEqual(["default/web"]);
    expect(relay.messages).toHaveLength(1);
  });

  test("follows the store: what is created, changed and deleted reaches the relays", async () => {
    const { store } = openStore();
    const { control, follow } = startControl(store);
    const relay = follow();
    control.start();
    await until(() => relay.tables);
    const imported = await store.create("Import", draft("Import", "web", importOf(80)));
    await store.create("Export", draft("Export", "db", { host: "127.0.0.1", port: 5432 }));
    await store.create("AccessPolicy", draft("AccessPolicy", "all", ALLOW_ALL));
    await store.create("Workload", draft("Workload", "w", { cidrs: ["10.0.0.0/8"] }));
    await until(() => relay.tables?.clients["10.0.0.0/8"] && relay.tables?.policies["regular/default/all"]);
    expect(relay.tables?.imports["default/web"]?.listen).toEqual({ address: "::", port: 80 });
    expect(relay.tables?.exports["default/db"]).toMatchObject({ host: "127.0.0.1", port: 5432 });
    await store.update("Import", {
      ...imported,
      metadata: { ...imported.metadata, resourceVersion: "" },
      spec: importOf(81),
    });
    await until(() => relay.tables?.imports["default/web"]?.listen?.port === 81);
    await store.delete("AccessPolicy", "default", "all");
    await until(() => relay.tables && !("regular/default/all" in relay.tables.policies));
  });

  test("writes each status once, and not again while nothing changes", async () => {
    const { store } = openStore();
    const { control, follow } = startControl(store);
    const relay = follow();
    control.start();
    await until(() => relay.tables);
    await store.create("Export", draft("Export", "e", { port: 80 }));
    const status = async () => (await store.get("Export", "default", "e"))?.status?.conditions?.[0];
    for (let tries = 0; tries < 200 && !(await status()); tries++) await Bun.sleep(5);
    expect(await status()).toMatchObject({
      type: "ExportValid",
      status: "False",
      reason: "HostMissing",
      observedGeneration: 1,
    });
    const { resourceVersion } = (await store.list("Export")) ?? {};
    await store.create("Export", draft("Export", "other", { host: "h", port: 80 }));
    await Bun.sleep(60);
    const object = await store.get("Export", "default", "e");
    expect(Number(object?.metadata.resourceVersion)).toBeLessThanOrEqual(Number(resourceVersion));
  });

  test("shows in the Import's status what relays could not bind, and that they can later", async () => {
    const { store } = openStore();
    const { control, follow } = startControl(store);
    const relay = follow();
    control.start();
    await store.create("Import", draft("Import", "web", importOf(80)));
    await until(() => relay.tables?.imports["default/web"]);
    const status = async () => (await store.get("Import", "default", "web"))?.status?.conditions?.[0];
    const reason = async (wanted: string) => {
      for (let tries = 0; tries < 200 && (await status())?.reason !== wanted; tries++) await Bun.sleep(5);
      return (await status())?.reason;
    };
    relay.fail({ key: "default/web", port: 80, code: "EACCES", message: "permission denied" });
    expect(await reason("BindFailed")).toBe("BindFailed");
    expect((await status())?.message).toContain("EACCES");
    relay.fail();
    expect(await reason("Listening")).toBe("Listening");
  });

  test("that comes back gives the relays the same tables, labels of peers included", async () => {
    const { store } = openStore();
    const peer = await store.create(
      "Peer",
      draft("Peer", "west", { gateways: [{ host: "127.0.0.1", port: 9 }] }, { namespace: SYSTEM }),
    );
    await store.updateStatus("Peer", { ...peer, status: { labels: { region: "us" } } });
    await store.create("AccessPolicy", draft("AccessPolicy", "all", ALLOW_ALL));
    const first = startControl(store);
    const before = first.follow();
    first.control.start();
    await until(() => before.tables);
    await first.control.stop();
    await store.create("Export", draft("Export", "meanwhile", { host: "h", port: 80 }));
    const second = startControl(store);
    const after = second.follow();
    second.control.start();
    await until(() => after.tables);
    expect(after.messages[0]?.type).toBe("snapshot");
    expect({ ...after.tables, exports: {} }).toEqual({ ...before.tables, exports: {} } as typeof before.tables & {});
    expect(after.tables?.peers.west).toMatchObject({ reachable: [true], labels: { region: "us" } });
    expect(Object.keys(after.tables?.exports ?? {})).toEqual(["default/meanwhile"]);
  });

  test("puts new certificates into the site's row", async () => {
    const { store } = openStore();
    const { control, follow } = startControl(store);
    const relay = follow();
    control.start();
    await until(() => relay.tables);
    const renewed = await certificatesOf("east");
    control.renew(renewed);
    await until(() => relay.tables?.site.self.certificates.cert === renewed.cert);
    expect(relay.messages.at(-1)?.type).toBe("delta");
  });
});

describe("a site", () => {
  test("is ready with a relay that has the snapshot, and not while it drains", async () => {
    const { store } = openStore();
    const { control, site, follow } = startControl(store);
    control.start();
    await until(() => control.publisher.tables);
    expect(site.ready()).toEqual({ ready: false, reasons: ["no relay is running"] });
    const relay = follow();
    await until(() => site.ready().ready);
    relay.fail({ key: "peer", port: 8443, code: "EADDRINUSE", message: "address in use" });
    await until(() => !site.ready().ready);
    expect(site.ready().reasons[0]).toContain("peer port 8443: address in use");
    relay.fail();
    await until(() => site.ready().ready);
    control.drain();
    expect(site.ready().reasons).toEqual(["the gateway is ending"]);
  });

  test("tells its certificates, problems and relays", async () => {
    const { store } = openStore();
    const { control, site, follow } = startControl(store);
    follow();
    control.start();
    control.problems.set("manifests", ["a.yaml: broken"]);
    await until(() => site.ready().ready);
    const status = await site.status();
    expect(status).toMatchObject({
      name: "east",
      ready: true,
      labels: { region: "eu" },
      problems: ["a.yaml: broken"],
      relays: [{ index: 0, lag: 0 }],
    });
    expect(status.certificates.map(({ role, subject }) => [role, subject])).toEqual([
      ["site", "CN=east"],
      ["ca", "CN=fabric"],
    ]);
    control.problems.set("manifests", []);
    expect((await site.status()).problems).toEqual([]);
  });
});
