/** The real kubectl against a real HTTPS door. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type HttpsDoor, openHttpsDoor } from "../../src/api/https-door.ts";
import { openUnixDoor } from "../../src/api/unix-door.ts";
import { type Completed, completed } from "../completed.ts";
import { issueFabric, issuePeer } from "./certificates.ts";
import { createApi, openSite, type TestSite } from "./site.ts";

export interface KubectlSite extends TestSite {
  door: HttpsDoor;
  kubeconfig: string;
  environment: Record<string, string>;
  /** Runs kubectl to its end; `input` is its standard input. */
  kubectl(args: string[], input?: unknown, environment?: Record<string, string>): Promise<Completed>;
}

export async function openKubectlSite(): Promise<KubectlSite> {
  const site = await openSite();
  const ca = await issueFabric({ name: "fabric" });
  const certificate = await issuePeer({ name: "east" }, ca);
  const socket = join(site.folder, "token.sock");
  const backend = openUnixDoor(socket, createApi({ ...site.deps, auth: "token" }));
  const door = openHttpsDoor({ host: "127.0.0.1", port: 0, socket, certificate });
  const { token } = await site.deps.tokens.issue("admin", 600);
  const kubeconfig = join(site.folder, "kubeconfig");
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  await writeFile(
    kubeconfig,
    JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      clusters: [
        {
          name: "east",
          cluster: {
            server: `https://127.0.0.1:${door.port}`,
            "tls-server-name": "east",
            "certificate-authority-data": base64(ca.cert),
          },
        },
      ],
      users: [{ name: "admin", user: { token } }],
      contexts: [{ name: "east", context: { cluster: "east", user: "admin" } }],
      "current-context": "east",
    }),
  );
  const home = join(site.folder, "home");
  await mkdir(home);
  const environment = { PATH: process.env["PATH"] ?? "", HOME: home, KUBECONFIG: kubeconfig };
  return {
    ...site,
    door,
    kubeconfig,
    environment,
    kubectl(args, input, more = {}) {
      const stdin = input === undefined ? {} : { stdin: typeof input === "string" ? input : JSON.stringify(input) };
      return completed(["kubectl", ...args], { env: { ...environment, ...more }, ...stdin });
    },
    async close() {
      site.closing.abort();
      await door.close(0);
      await backend.close(0);
      await site.close();
    },
  };
}
