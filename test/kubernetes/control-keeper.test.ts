/** The keeper of Services by itself: when it writes, and when it lets things be. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { ServiceKeeper } from "../../src/control/kubernetes/service-keeper.ts";
import { KubernetesSite } from "../../src/control/kubernetes/site.ts";
import { trimService, trimSlice } from "../../src/control/kubernetes/trim.ts";
import { follow } from "../../src/control/kubernetes/watches.ts";
import type { ImportResource } from "../../src/resources/kinds.ts";
import { KubeClient } from "../../src/store/kubernetes/client.ts";
import { judgeObject } from "../../src/store/kubernetes/judge.ts";
import { ENDPOINT_SLICES, SERVICES } from "../../src/store/kubernetes/resource.ts";
import { createLogger } from "../../src/telemetry/log.ts";
import { importOf, object, SYSTEM } from "../control/objects.ts";
import type { ApiServer } from "./api-server.ts";
import { eventually } from "./control-site.ts";
import { onTestApiServer } from "./server.ts";

const log = createLogger({ level: "fatal", format: "text" });

onTestApiServer("a keeper of Services", (running) => {
  let server: ApiServer;
  let namespace: string;
  let imported: ImportResource;
  const cleanups: (() => unknown)[] = [];
  beforeEach(async () => {
    server = running();
    namespace = await server.namespace();
    imported = object("Import", "web", importOf(80), { namespace });
  });
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  /** One that leads, and knows of no Import yet. */
  async function keep(patience: number) {
    const { client } = server;
    const selections = [{ namespace }];
    const services = follow({ client, resource: SERVICES, selections, project: trimService, log });
    const project = (slice: Parameters<typeof trimSlice>[0]) => trimSlice(slice, () => false);
    const slices = follow({ client, resource: ENDPOINT_SLICES, selections, project, log });
    const leadership = new AbortController();
    let changes = 0;
    const keeper = new ServiceKeeper({
      client,
      log,
      services,
      slices,
      namespace: SYSTEM,
      gatewayService: `${SYSTEM}/clusterlink`,
      leadership: () => leadership.signal,
      onChange: () => changes++,
      onIntervention: () => undefined,
      patience,
    });
    services.start();
    slices.start();
    keeper.lead();
    cleanups.push(
      () => services.stop(),
      () => slices.stop(),
      () => keeper.rest(),
    );
    await eventually("all there is", () => services.synced && slices.synced);
    const key = `${namespace}/web`;
    const update = (one = imported) => keeper.update(new Map([[key, { imported: one, port: 12_345 }]]));
    return { keeper, update, changes: () => changes, condition: () => keeper.condition(key) };
  }
  const service = () => server.client.get(SERVICES, { namespace, name: "web" });
  const creations = () => server.requests.filter(({ verb, resource }) => verb === "create" && resource === "services");

  test("notices in the end that a Service is gone that the watch never told of", async () => {
    const { update } = await keep(300);
    server.faults.failNext(1_000, { when: ({ verb, resource }) => verb === "watch" && resource === "services" });
    server.faults.dropWatches(({ plural }) => plural === "services");
    update();
    await eventually("the Service", service);
    await server.client.delete(SERVICES, { namespace, name: "web" });
    server.faults.expireHistory();
    server.faults.clear();
    await eventually("the Service again", service);
  });

  test("tries again what failed when the Import has changed, and not when only its status has", async () => {
    const { update } = await keep(60_000);
    server.faults.failNext(1_000, { status: 403, when: ({ verb }) => verb === "create" });
    update();
    await eventually("a try", () => creations().length > 0);
    for (let port = 1; port <= 40; port++) {
      update({ ...imported, status: { targetPort: port } });
      await Bun.sleep(2);
    }
    const tries = creations().length;
    expect(tries).toBeLessThan(8);
    update({ ...imported, metadata: { ...imported.metadata, generation: 2 } });
    await eventually("another try", () => creations().length > tries);
  });

  test("has no condition for an Import that has been edited, until it has looked after it", async () => {
    const { update, condition } = await keep(60_000);
    update();
    await eventually("the condition", condition);
    server.faults.delay(200, ({ verb }) => verb === "patch");
    const edited = { ...imported, metadata: { ...imported.metadata, generation: 2 }, spec: importOf(81) };
    update(edited);
    expect(condition()).toBeUndefined();
    expect((await eventually("the condition again", condition)).reason).toBe("NoGatewayEndpoints");
    expect((await service())?.spec?.ports?.[0]?.port).toBe(81);
  });
});

describe("an object that does not count", () => {
  test("is found without a look at the others", () => {
    class OneByOne<K, V> extends Map<K, V> {
      override [Symbol.iterator](): never {
        throw new Error("all of them are looked at");
      }
    }
    const metadata = { name: "bad", namespace: "n", uid: "u" };
    const judged = judgeObject("AccessPolicy", { metadata, spec: {} });
    const invalid = judged.ok ? undefined : judged.invalid;
    const all = new OneByOne([["n/bad", invalid]]);
    const connection = { server: "https://127.0.0.1:1", namespace: undefined, credentials: refuse, refused: () => {} };
    const site = new KubernetesSite({
      client: new KubeClient({ connection }),
      store: { invalid: () => all as never, problems: [] },
      namespace: SYSTEM,
      privilegedPolicies: true,
      importAddress: "::",
      reserved: new Map(),
      identity: "i",
      instance: "i",
      identityMaxAge: 1,
      log,
    });
    expect(site.invalidAt("AccessPolicy", "n/bad")?.wanted.conditions[0]?.reason).toBe("Invalid");
    expect(site.invalidAt("AccessPolicy", "n/good")).toBeUndefined();
  });
});

function refuse(): never {
  throw new Error("nobody is to be asked");
}
