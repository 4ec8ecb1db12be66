import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { issueFabric } from "../../src/pki/issue.ts";
import { requires } from "../requires.ts";
import { cleanEnvironment, command } from "./clusterlink.ts";
import { TestSite } from "./site.ts";

const kubectl = requires("kubectl");

let site: TestSite;
beforeAll(async () => {
  site = await TestSite.open();
});
afterAll(() => site.close());

const issue = async (...args: string[]) => (await site.run(["token", ...args])).out.trim();

describe("status", () => {
  test("is a summary for people and the whole for programs", async () => {
    expect((await site.run(["status"])).out).toMatch(/^Site +berlin .*\nReady +yes\nLabels +region=eu\n/);
    expect(JSON.parse((await site.run(["status", "-o", "json"])).out)).toEqual(site.status);
  });
  test("--ready prints nothing and exits with 0 for a ready site", async () => {
    expect(await site.run(["status", "--ready"])).toEqual({ code: 0, out: "", err: "" });
  });
  test("--ready exits with 1 and the reasons for a site that is not; --wait waits until it is", async () => {
    site.status = { ...site.status, ready: false, notReady: ["no snapshot yet"] };
    const { code, err } = await site.run(["status", "--ready"]);
    expect({ code, err }).toEqual({ code: 1, err: "error: site 'berlin' is not ready: no snapshot yet\n" });
    const late = await site.run(["status", "--wait", "--timeout", "200ms"]);
    expect(late).toEqual({
      code: 1,
      out: "",
      err: "error: waited in vain: site 'berlin' is not ready: no snapshot yet\n",
    });
    const waiting = site.run(["status", "--wait", "--ready"]);
    await Bun.sleep(150);
    site.status = { ...site.status, ready: true, notReady: [] };
    expect((await waiting).code).toBe(0);
  });
});

describe("explain", () => {
  test("asks for the client's side", async () => {
    const { out } = await site.run(["explain", "--client", "namespace=shop,labels.app=a=b", "--import", "shop/web"]);
    expect(out).toStartWith("REFUSED: nothing allows it\n");
    const attributes = { "client.clusterlink.net/namespace": "shop", "client.clusterlink.net/labels.app": "a=b" };
    expect(site.asked).toEqual({ side: "client", import: "shop/web", client: { attributes } });
  });
  test("asks for the server's side", async () => {
    const { out } = await site.run([
      "explain",
      "--peer",
      "oslo",
      "--export",
      "shop/web",
      "--client",
      "::1",
      "-o",
      "json",
    ]);
    expect(JSON.parse(out)).toMatchObject({ allowed: false });
    expect(site.asked).toEqual({ side: "server", export: "shop/web", peer: "oslo", client: { address: "::1" } });
  });
  test("of an import that is not there exits with 1", async () => {
    const { code, err } = await site.run(["explain", "--client", "::1", "--import", "none"]);
    expect(code).toBe(1);
    expect(err).toMatch(/^error: .*import default\/none is not there/);
  });
});

test("connections are shown with the service, the peer, the policy and the bytes", async () => {
  expect((await site.run(["connections"])).err).toBe("No live connections\n");
  const since = Date.now() - 5_000;
  const common = { attributes: {}, policy: "shop/allow", since, bytesIn: 10, bytesOut: 3_400_000 };
  site.connections = [
    { id: "1", side: "client", import: "shop/web", peer: "oslo", client: "10.0.0.7:4711", ...common },
  ];
  const { out } = await site.run(["connections"]);
  expect(out).toMatch(
    /^SERVICE +PEER +CLIENT +POLICY +AGE +IN +OUT\nshop\/web +to oslo +10.0.0.7:4711 +shop\/allow +\ds +10B +3.2MiB\n$/,
  );
  expect(JSON.parse((await site.run(["connections", "-o", "json"])).out)).toEqual(site.connections);
});

describe("over https", () => {
  const https = (token: string) => ({
    CLUSTERLINK_SERVER: site.url,
    CLUSTERLINK_TOKEN: token,
    CLUSTERLINK_CA: join(site.folder, "ca.pem"),
    CLUSTERLINK_TLS_SERVER_NAME: "berlin",
  });
  test("a token opens the door", async () => {
    const env = https(await issue("--scope", "admin", "--ttl", "1m"));
    expect(await site.run(["status", "--ready"], { env })).toEqual({ code: 0, out: "", err: "" });
  });
  test("no token is told with the remedy", async () => {
    const { code, err } = await site.run(["status"], { env: https("") });
    expect(code).toBe(1);
    expect(err).toBe(
      `error: ${site.url} asks for a valid token: give one that 'clusterlink token' issued, with --token or CLUSTERLINK_TOKEN\n`,
    );
  });
  test("a token that is no good is told with what is wrong with it", async () => {
    const { code, err } = await site.run(["status"], { env: https("a.b.c") });
    expect(code).toBe(1);
    expect(err).toStartWith(
      `error: ${site.url} asks for a valid token (the token was not issued by this site): give one that`,
    );
  });
  test("a token of scope 'read' changes nothing", async () => {
    const env = https(await issue("--scope", "read"));
    const { code, err } = await site.run(["delete", "export", "x"], { env });
    expect(code).toBe(1);
    expect(err).toEndWith("change anything; issue one with 'clusterlink token --scope admin'\n");
  });
  test("a server that the CA does not vouch for is not talked to", async () => {
    const { CLUSTERLINK_CA: _, ...env } = https(await issue());
    const { code, err } = await site.run(["status"], { env });
    expect(code).toBe(1);
    expect(err).toMatch(/^error: the gateway at .* cannot be trusted \(.*\): name the fabric's cert.pem with --ca\n$/);
    const other = join(site.folder, "other.pem");
    await Bun.write(other, (await issueFabric({ name: "other" })).cert);
    expect((await site.run(["status"], { env: { ...env, CLUSTERLINK_CA: other } })).err).toEndWith(
      "--ca names the cert.pem of another fabric\n",
    );
  });
  test("a server with another name is not talked to", async () => {
    const env = { ...https(await issue()), CLUSTERLINK_TLS_SERVER_NAME: "oslo" };
    const { code, err } = await site.run(["status", "--wait"], { env });
    expect(code).toBe(1);
    expect(err).toStartWith("error: the gateway at ");
    expect(err).toEndWith(
      "its certificate is not for 'oslo'; give the name of the site that is there with --tls-server-name\n",
    );
  });
});

describe("kubeconfig", () => {
  test("has the address, the fabric's CA, the site's name and a token that works", async () => {
    const { code, out, err } = await site.run(["kubeconfig", "--ttl", "1h"]);
    expect(code).toBe(0);
    expect(err).toContain("admin token for site 'berlin'");
    const config = Bun.YAML.parse(out) as { users: { user: { token: string } }[] };
    expect(config).toMatchObject({
      kind: "Config",
      "current-context": "berlin",
      clusters: [
        {
          cluster: {
            server: site.url,
            "tls-server-name": "berlin",
            "certificate-authority-data": Buffer.from(site.ca).toString("base64"),
          },
        },
      ],
    });
    const env = {
      CLUSTERLINK_SERVER: site.url,
      CLUSTERLINK_TOKEN: config.users[0]?.user.token ?? "",
      CLUSTERLINK_CA: join(site.folder, "ca.pem"),
      CLUSTERLINK_TLS_SERVER_NAME: "berlin",
    };
    expect(await site.run(["status", "--ready"], { env })).toEqual({ code: 0, out: "", err: "" });
  });
  // A stock kubectl is let in, so there has to be one.
  test.skipIf(kubectl.skip)(`lets a stock kubectl in ${kubectl.reason}`.trimEnd(), async () => {
    const file = join(site.folder, "kubeconfig");
    await Bun.write(file, (await site.run(["kubeconfig", "--ttl", "1h"])).out);
    const get = ["kubectl", "--kubeconfig", file, "--cache-dir", join(site.folder, "cache"), "get", "exports", "-A"];
    const child = Bun.spawn(get, { env: cleanEnvironment(), stdout: "ignore", stderr: "pipe" });
    expect(await new Response(child.stderr).text()).toBe("No resources found\n");
    expect(await child.exited).toBe(0);
  });
  test.each([
    [0o644, true],
    [0o600, false],
  ])("into a file of mode %d warns where others can read it: %p", async (mode, warned) => {
    const file = join(site.folder, `kubeconfig-${mode}`);
    await Bun.write(file, "");
    chmodSync(file, mode);
    const child = Bun.spawn(command("kubeconfig"), {
      env: { ...cleanEnvironment(), CLUSTERLINK_SERVER: site.server },
      stdout: Bun.file(file),
      stderr: "pipe",
    });
    const said = await new Response(child.stderr).text();
    expect(said.includes("others can read the file with the token: run 'chmod 600' on it")).toBe(warned);
    expect(await Bun.file(file).text()).toContain("token: ");
  });
  test("names another address with --server https://…, and asks on the socket", async () => {
    const { out } = await site.run(["kubeconfig", "--server", "https://gw.example.com:8443"]);
    expect(Bun.YAML.parse(out)).toMatchObject({ clusters: [{ cluster: { server: "https://gw.example.com:8443" } }] });
  });
  test("names this machine where the gateway listens on every address, and says so", async () => {
    const before = site.status;
    site.status = { ...before, api: { exposed: { host: "::", port: 8443 }, ca: site.ca } };
    const { out, err } = await site.run(["kubeconfig"]);
    site.status = before;
    expect(Bun.YAML.parse(out)).toMatchObject({ clusters: [{ cluster: { server: "https://127.0.0.1:8443" } }] });
    expect(err).toContain("this file is for the same machine");
  });
  test("fails with the remedy when no door is open", async () => {
    const { api, ...closed } = site.status;
    site.status = closed;
    const { code, out, err } = await site.run(["kubeconfig"]);
    if (api !== undefined) site.status = { ...closed, api };
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toMatch(
      /^error: kubectl cannot reach site 'berlin' .*: start its gateway with --api-listen HOST:PORT or --expose-api\n$/,
    );
  });
});
