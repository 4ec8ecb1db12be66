/** A minute in which nothing happens: nothing but the Lease is written, by the server's own record. */
import { expect } from "bun:test";
import { resourceName, SERVICES, type Service } from "../../../src/store/kubernetes/resource.ts";
import { ALLOW_ALL, SYSTEM } from "../../control/objects.ts";
import { create, told } from "../control-site.ts";
import type { TestServer } from "../test-server.ts";
import { importSpec, lease, makePod, quiet, RENEWAL, scene, writes } from "./scene.ts";

/** The version of every object of the cluster, whatever its kind. */
async function versionsOf(server: TestServer): Promise<Map<string, string>> {
  const versions = new Map<string, string>();
  for (const resource of await server.resources()) {
    for (const { metadata } of await server.client.all(resource)) {
      versions.set(`${resourceName(resource)} ${metadata.namespace}/${metadata.name}`, metadata.resourceVersion ?? "");
    }
  }
  return versions;
}

/** Everything that a cluster may have, good and bad, and then a minute without a change. */
export async function idle(stack: AsyncDisposableStack, server: TestServer, minute: number): Promise<void> {
  const place = await scene(stack, server);
  const { namespace } = place;
  const ready = (name: string, reason: string) =>
    told(server, "Import", namespace, name, `ImportServiceValid ${reason}`);
  for (let i = 0; i < 10; i++) await create(server, "Import", namespace, `web-${i}`, importSpec());
  await create(server, "Import", namespace, "chosen", importSpec(20_001));
  await ready("chosen", "True Ready");
  await create(server, "Import", namespace, "taken", importSpec(20_001));
  const ports = [{ port: 7 }];
  await server.client.create(SERVICES, { metadata: { name: "theirs", namespace }, spec: { ports } } as Service);
  await create(server, "Import", namespace, "theirs", importSpec());
  await create(server, "Import", namespace, "lost", importSpec(), { "import.clusterlink.net/merge": "true" });
  await create(server, "Export", namespace, "theirs", { port: 7 });
  await create(server, "Export", namespace, "nothing", { port: 7 });
  await create(server, "AccessPolicy", namespace, "all", ALLOW_ALL);
  await create(server, "PrivilegedAccessPolicy", undefined, "all", ALLOW_ALL);
  await create(server, "Peer", SYSTEM, "nowhere", { gateways: [{ host: "127.0.0.1", port: 1 }] });
  await create(server, "Peer", namespace, "stray", { gateways: [{ host: "127.0.0.1", port: 1 }] });
  await makePod(place, "shop", "10.1.0.1", "shop");
  for (let i = 0; i < 10; i++) await ready(`web-${i}`, "True Ready");
  await ready("taken", "False NoPort");
  await ready("theirs", "False ServiceConflict");
  await ready("lost", "False ServiceMissing");
  await told(server, "Peer", SYSTEM, "west", "PeerReachable True Heartbeat");
  await told(server, "Peer", SYSTEM, "nowhere", "PeerReachable False NoHeartbeat");
  await quiet(server);

  const before = await versionsOf(server);
  const held = await lease(server);
  const from = server.handled().length;
  await Bun.sleep(minute);
  const written = writes(server, from);
  const after = await versionsOf(server);

  expect(written.filter((write) => write !== RENEWAL)).toEqual([]);
  // Every 2 s, give or take a tenth; a busy machine adds to that. Two that renewed would be twice as many.
  expect(written.length).toBeGreaterThan(minute / 4_000);
  expect(written.length).toBeLessThan(minute / 1_600);
  const keys = new Set([...before.keys(), ...after.keys()]);
  const changed = [...keys].filter((key) => before.get(key) !== after.get(key));
  // A real API server renews a Lease of its own.
  const ofGateways = changed.filter((key) => !key.startsWith("leases.coordination.k8s.io kube-system/apiserver-"));
  expect(ofGateways).toEqual([`leases.coordination.k8s.io ${SYSTEM}/clusterlink-gateway`]);
  const { holderIdentity, leaseTransitions } = (await lease(server)) ?? {};
  expect({ holderIdentity, leaseTransitions }).toEqual({
    holderIdentity: held?.holderIdentity,
    leaseTransitions: held?.leaseTransitions,
  });
  expect(before.size).toBeGreaterThan(40);
  console.log(
    `${server.name}: ${written.length} renewals and no other write to ${before.size} objects in ${minute / 1000} s`,
  );
}
