/** Two gateways that serve the same namespaces, which they should not: neither the API server nor etcd suffers from it. */
import { afterEach, expect, test } from "bun:test";
import { ENDPOINT_SLICES, SERVICES } from "../../src/store/kubernetes/resource.ts";
import { ALLOW_ALL, importOf, SYSTEM } from "../control/objects.ts";
import { create, eventually, gatewayEndpoints, Replica, told } from "./control-site.ts";
import { suite } from "./server.ts";

suite("two gateways that serve the same namespaces", (running) => {
  const cleanups: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  test("write what they do not agree on with growing pauses, say so, and write the rest once", async () => {
    const server = running();
    const [namespace, other] = [await server.namespace(), await server.namespace()];
    await gatewayEndpoints(server, ["10.244.0.5"]);
    const gateways = await Promise.all([Replica.start(server), Replica.start(server, { namespace: other })]);
    cleanups.push(...gateways.map((gateway) => () => gateway.stop()));
    await create(server, "Import", namespace, "web", importOf(80));
    await create(server, "Export", namespace, "db", { host: "db.example", port: 5432 });
    await create(server, "AccessPolicy", namespace, "all", ALLOW_ALL);
    await create(server, "Peer", SYSTEM, "west", { gateways: [{ host: "127.0.0.1", port: 1 }] });
    await told(server, "Export", namespace, "db", "ExportValid True Valid");
    await told(server, "AccessPolicy", namespace, "all", "PolicyValid True Valid");
    await Bun.sleep(2_500);
    const times = (changes: string[], what: string) => changes.filter((each) => each.includes(what)).length;
    // Of two that write the same at once the API server refuses one, which may ask once more before its watch tells it.
    const done = gateways.flatMap((gateway) => gateway.done);
    for (const agreed of ["/exports/", "/accesspolicies/", "/services/"]) expect(times(done, agreed)).toBe(1);
    for (const gateway of gateways) {
      for (const contested of ["/imports/", "/peers/", "/events/"]) {
        expect(times(gateway.changes, contested)).toBeLessThan(12);
      }
      for (const object of [`Import ${namespace}/web`, `Peer ${SYSTEM}/west`]) {
        const why = "somebody else writes its status too, so that it is put right with pauses";
        const problem = `${object}: ${why} (does another gateway serve it?)`;
        await eventually(problem, async () => (await gateway.site.status()).problems.includes(problem));
      }
    }
  });
});

suite("a gateway beside somebody who changes the Service of an Import again and again", (running) => {
  const cleanups: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  test("puts it right with growing pauses, says so, and goes on with its EndpointSlices meanwhile", async () => {
    const server = running();
    const namespace = await server.namespace();
    await gatewayEndpoints(server, ["10.244.0.5"]);
    const gateway = await Replica.start(server);
    cleanups.push(() => gateway.stop());
    await create(server, "Import", namespace, "web", importOf(80));
    await told(server, "Import", namespace, "web", "ImportServiceValid True Ready");
    const place = { namespace, name: "web" };
    const selector = async () => (await server.client.get(SERVICES, place))?.spec?.selector;
    for (const end = performance.now() + 2_500; performance.now() < end; await Bun.sleep(5)) {
      if ((await selector()) === undefined) {
        await server.client.patch(SERVICES, place, { spec: { selector: { app: "other" } } });
      }
    }
    const repairs = gateway.changes.filter((each) => each === `patch /services/${namespace}/web`).length;
    expect(repairs).toBeGreaterThanOrEqual(3);
    expect(repairs).toBeLessThan(7);
    expect((await gateway.site.status()).problems).toContain(
      `Service ${namespace}/web: somebody else changes it again and again, so that it is put right with pauses`,
    );
    await gatewayEndpoints(server, ["10.244.0.6"]);
    await eventually("the new endpoint", async () => {
      const slices = await server.client.all(ENDPOINT_SLICES, { namespace });
      return slices.some(({ endpoints }) => endpoints?.[0]?.addresses[0] === "10.244.0.6");
    });
    await eventually("the last repair", async () => (await selector()) === undefined);
  }, 30_000);
});
