/** Follows all pods of a cluster and prints by how much that made this process grow: `KUBECONFIG COUNT`. */
import { readFileSync } from "node:fs";
import { projectPod } from "../../src/control/kubernetes/clients.ts";
import { Informer } from "../../src/store/kubernetes/informer.ts";
import { PODS, SERVICES } from "../../src/store/kubernetes/resource.ts";
import { createLogger } from "../../src/telemetry/log.ts";
import { clientFor } from "./test-server.ts";

function residentMegabytes(): number {
  Bun.gc(true);
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) / 1024;
}

const [kubeconfig = "", count] = process.argv.slice(2);
const client = await clientFor(kubeconfig);
await client.all(SERVICES);
const before = residentMegabytes();
const log = createLogger({ level: "warn", format: "text" });
const informer = new Informer({ client, resource: PODS, project: projectPod, log });
informer.start();
await informer.whenSynced;
if (informer.size !== Number(count)) throw new Error(`there are ${informer.size} pods and not ${count}`);
await Bun.sleep(500);
console.log(JSON.stringify({ megabytes: residentMegabytes() - before, size: informer.size }));
await informer.stop();
