import { describe, expect, test } from "bun:test";
import { reconcileKubernetesExports } from "../../src/control/kubernetes/exports.ts";
import type { ExportResource } from "../../src/resources/kinds.ts";
import type { Service } from "../../src/store/kubernetes/resource.ts";
import { object } from "../control/objects.ts";

const service = (spec: object) => ({ metadata: { name: "web", namespace: "default" }, spec }) as Service;

function judge(exported: ExportResource, found?: Service) {
  const { rows, statuses } = reconcileKubernetesExports([exported], (key) =>
    key === "default/web" ? found : undefined,
  );
  const [condition] = statuses.get("default/web")?.conditions ?? [];
  return { row: rows["default/web"], told: `${condition?.status} ${condition?.reason}: ${condition?.message}` };
}

const web = object("Export", "web", { port: 80 }, { labels: { tier: "front" } });

describe("an Export of a cluster", () => {
  test("leads to the Service of its name, by the name that it has in the cluster", () => {
    const { row, told } = judge(web, service({ ports: [{ port: 443 }, { port: 80 }] }));
    expect(row).toEqual({
      namespace: "default",
      name: "web",
      labels: { tier: "front" },
      host: "web.default.svc",
      port: 80,
    });
    expect(told).toStartWith("True Valid");
  });

  test("leads to its host when it has one, Service or not", () => {
    const { row, told } = judge(object("Export", "web", { host: "db.example", port: 80 }));
    expect(row).toMatchObject({ host: "db.example" });
    expect(told).toStartWith("True Valid");
  });

  test.each([
    ["of type ExternalName without ports", { type: "ExternalName", externalName: "db.example" }],
    ["headless without ports", { clusterIP: "None" }],
  ])("leads to a Service %s", (_, spec) => {
    expect(judge(web, service(spec)).told).toStartWith("True Valid");
  });

  test.each([
    [
      "the Service is not there",
      undefined,
      "ServiceMissing: There is no Service default/web; create it, or set spec.host",
    ],
    [
      "the Service has other ports",
      service({ ports: [{ port: 443 }, { port: 8080 }] }),
      "PortMissing: Service default/web has no TCP port 80 (it has 443, 8080)",
    ],
    [
      "the Service's port is another protocol's",
      service({ ports: [{ port: 80, protocol: "UDP" }] }),
      "PortMissing: Service default/web has no TCP port 80 (it has none)",
    ],
    [
      "the Service is headless and its ports are others",
      service({ clusterIP: "None", ports: [{ port: 443 }] }),
      "PortMissing",
    ],
  ])("is not valid, and has no row, when %s", (_, found, message) => {
    const { row, told } = judge(web, found);
    expect(row).toBeUndefined();
    expect(told).toStartWith(`False ${message}`);
  });
});
