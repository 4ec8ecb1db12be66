/** Two gateways that serve the same namespaces, which they should not: neither the API server nor etcd suffers from it. */
import { afterEach, expect, test } from "bun:test";
import { ALLOW_ALL, importOf, SYSTEM } from "../control/objects.ts";
import { create, gatewayEndpoints, Replica, told } from "./control-site.ts";
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
    const times = (gateway: Replica, what: string) => gateway.changes.filter((each) => each.includes(what)).length;
    for (const gateway of gateways) {
      for (const contested of ["/imports/", "/peers/", "/events/"]) expect(times(gateway, contested)).toBeLessThan(12);
      for (const agreed of ["/exports/", "/accesspolicies/", "/services/"]) {
        expect(times(gateway, agreed)).toBeLessThanOrEqual(1);
      }
      const { problems } = await gateway.site.status();
      for (const object of [`Import ${namespace}/web`, `Peer ${SYSTEM}/west`]) {
        const why = "somebody else writes its status too, so that it is put right with pauses";
        expect(problems).toContain(`${object}: ${why} (does another gateway serve it?)`);
      }
    }
  });
});
