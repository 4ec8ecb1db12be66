/** Where the API server is and who asks it: kubeconfigs, service accounts, plugins, and their renewal. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KubeClient } from "../../src/store/kubernetes/client.ts";
import { CredentialsError } from "../../src/store/kubernetes/connection.ts";
import { ExecPlugin } from "../../src/store/kubernetes/exec-plugin.ts";
import { type ConnectionOptions, loadConnection } from "../../src/store/kubernetes/kubeconfig.ts";
import { NAMESPACES, SERVICE_ACCOUNTS } from "../../src/store/kubernetes/resource.ts";
import { issueFabric, issuePeer } from "../api/certificates.ts";
import { kubeconfigText, suite, type TestServer } from "./server.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "clusterlink-connection-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

/** Replaces a file as a mounted Secret is: the old one is never half new. */
function replace(name: string, text: string): void {
  renameSync(write(`${name}.new`, text), join(folder, name));
}

async function clientOf(options: ConnectionOptions): Promise<KubeClient> {
  return new KubeClient({ connection: await loadConnection({ env: {}, ...options }) });
}

const works = (client: KubeClient) => client.get(NAMESPACES, { name: "default" }).then((found) => found !== undefined);

async function faultOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof CredentialsError) return error.message;
  throw new Error(`it did not fail for its credentials: ${String(error)}`);
}

suite("a connection", (server) => {
  const withUser = (user: Record<string, unknown>) =>
    clientOf({ kubeconfig: write("config", kubeconfigText(server(), user)) });

  test("uses the token of a kubeconfig", async () => {
    expect(await works(await withUser({ token: server().adminToken }))).toBe(true);
    const wrong = works(await withUser({ token: "wrong" }));
    await expect(wrong).rejects.toMatchObject({ code: "Unavailable", httpStatus: 401 });
  });

  test("reads a token file beside the kubeconfig, and reads it again when it changes", async () => {
    write("token", `${server().adminToken}\n`);
    const client = await withUser({ tokenFile: "token" });
    expect(await works(client)).toBe(true);
    replace("token", "wrong");
    await expect(works(client)).rejects.toMatchObject({ httpStatus: 401 });
    replace("token", server().adminToken);
    expect(await works(client)).toBe(true);
    rmSync(join(folder, "token"));
    expect(await works(client)).toBe(true);
  });

  test("uses the service account of the pod, whose token is replaced by a link", async () => {
    const client = await clientOf({ ...inPod(server(), "wrong") });
    await expect(works(client)).rejects.toMatchObject({ httpStatus: 401 });
    inPod(server(), server().adminToken);
    expect(await works(client)).toBe(true);
  });

  test("is a service account where it has its token", async () => {
    const { client } = server();
    const namespace = await server().namespace();
    await client.create(SERVICE_ACCOUNTS, { metadata: { namespace, name: "gateway" } });
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/gateway/token`;
    const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} };
    const answer = (await client.request({ method: "POST", path, body })) as { status: { token: string } };
    const asAccount = await clientOf({ ...inPod(server(), answer.status.token) });
    const refusal = works(asAccount);
    await expect(refusal).rejects.toMatchObject({ httpStatus: 403 });
    await expect(refusal).rejects.toThrow(`system:serviceaccount:${namespace}:gateway`);
  });

  test("asks a plugin, and again only when its token has expired or was refused", async () => {
    const counted = join(folder, "count");
    const expiry = join(folder, "expiry");
    writeFileSync(expiry, "2100-01-01T00:00:00Z");
    writeFileSync(join(folder, "said"), server().adminToken);
    const script = `#!/bin/sh
echo x >>"$COUNTED"
echo "$KUBERNETES_EXEC_INFO" >"$COUNTED.info"
printf '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"%s","expirationTimestamp":"%s"}}' \
  "$(cat "${folder}/said")" "$(cat "$1")"
`;
    chmodSync(write("plugin", script), 0o700);
    const client = await clientOf({
      kubeconfig: write(
        "config",
        kubeconfigText(server(), {
          exec: {
            apiVersion: "client.authentication.k8s.io/v1",
            command: "./plugin",
            args: [expiry],
            env: [{ name: "COUNTED", value: counted }],
            provideClusterInfo: true,
          },
        }),
      ),
      env: { PATH: process.env["PATH"] },
    });
    const asked = () => readFileSync(counted, "utf8").split("\n").length - 1;
    await Promise.all([works(client), works(client), works(client)]);
    expect(await works(client)).toBe(true);
    expect(asked()).toBe(1);
    const info: unknown = JSON.parse(readFileSync(`${counted}.info`, "utf8"));
    expect(info).toMatchObject({
      apiVersion: "client.authentication.k8s.io/v1",
      kind: "ExecCredential",
      spec: { interactive: false, cluster: { server: server().url, "tls-server-name": server().serverName } },
    });
    writeFileSync(join(folder, "said"), "wrong");
    writeFileSync(expiry, "2001-01-01T00:00:00Z");
    const other = await clientOf({ kubeconfig: join(folder, "config"), env: { PATH: process.env["PATH"] } });
    await expect(works(other)).rejects.toMatchObject({ httpStatus: 401 });
    expect(asked()).toBe(3);
    writeFileSync(join(folder, "said"), server().adminToken);
    expect(await works(other)).toBe(true);
    expect(await works(other)).toBe(true);
    expect(asked()).toBe(5);
  });

  test("trusts only the CA of the kubeconfig, and only for the server's name", async () => {
    const foreign = await issueFabric({ name: "foreign" });
    const token = server().adminToken;
    const { url, ca, serverName } = server();
    const asking = (reached: { url: string; ca: string; serverName: string }) =>
      clientOf({ kubeconfig: write("config", kubeconfigText(reached, { token })) }).then(works);
    expect(await asking({ url, ca, serverName })).toBe(true);
    await expect(asking({ url, ca: foreign.cert, serverName })).rejects.toMatchObject({ code: "Unavailable" });
    await expect(asking({ url, ca, serverName: "other.test" })).rejects.toThrow("ERR_TLS_CERT_ALTNAME_INVALID");
  });

  test("names neither the token nor the file's text in an error", async () => {
    const refused = await works(await withUser({ token: "s3cret-token" })).catch((error: Error) => error);
    expect(Bun.inspect(refused)).not.toContain("s3cret-token");
    const gone = { ...server(), url: "https://127.0.0.1:1" };
    const client = await clientOf({ kubeconfig: write("config", kubeconfigText(gone, { token: "s3cret-token" })) });
    const unreachable = await works(client).catch((error: Error) => error);
    expect(Bun.inspect(unreachable)).toContain("https://127.0.0.1:1");
    expect(Bun.inspect(unreachable)).not.toContain("s3cret-token");
  });
});

/** The files and the environment of a pod; again, they are replaced as kubelet replaces them. */
function inPod({ url, ca }: TestServer, token: string): ConnectionOptions {
  const version = join(folder, `..${crypto.randomUUID()}`);
  mkdirSync(version);
  writeFileSync(join(version, "token"), token);
  writeFileSync(join(version, "ca.crt"), ca);
  writeFileSync(join(version, "namespace"), "clusterlink-system\n");
  symlinkSync(version, join(folder, "..data.new"));
  renameSync(join(folder, "..data.new"), join(folder, "..data"));
  for (const name of ["token", "ca.crt", "namespace"]) {
    rmSync(join(folder, name), { force: true });
    symlinkSync(join("..data", name), join(folder, name));
  }
  const { port } = new URL(url);
  const env = { KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: port };
  return { serviceAccountFolder: folder, env };
}

describe("a kubeconfig", () => {
  const base = { url: "https://api.test", ca: "x", serverName: "api.test" };

  test("that outranks others is the one that is named, then KUBECONFIG's, then the user's, then the pod's", async () => {
    const named = write("named", kubeconfigText({ ...base, url: "https://named.test" }, {}));
    const listed = write("listed", kubeconfigText({ ...base, url: "https://listed.test" }, {}));
    mkdirSync(join(folder, ".kube"));
    const env = { KUBECONFIG: `${folder}/missing:${listed}`, HOME: folder };
    expect((await loadConnection({ kubeconfig: named, env })).server).toBe("https://named.test");
    expect((await loadConnection({ env })).server).toBe("https://listed.test");
    write(".kube/config", kubeconfigText({ ...base, url: "https://home.test/" }, {}));
    expect((await loadConnection({ env: { HOME: folder } })).server).toBe("https://home.test");
    write("token", "t");
    const pod = { HOME: "/nowhere", KUBERNETES_SERVICE_HOST: "fd00::1", KUBERNETES_SERVICE_PORT: "6443" };
    expect((await loadConnection({ env: pod, serviceAccountFolder: folder })).server).toBe("https://[fd00::1]:6443");
  });

  test("that KUBECONFIG names and that is not there is asked for, and no other cluster's is taken", async () => {
    mkdirSync(join(folder, ".kube"));
    write(".kube/config", kubeconfigText({ ...base, url: "https://home.test" }, {}));
    const env = { KUBECONFIG: `${folder}/one:${folder}/two`, HOME: folder };
    expect(await faultOf(loadConnection({ env }))).toBe(
      `KUBECONFIG names ${folder}/one and ${folder}/two, which are not there; name a kubeconfig that is, or unset it`,
    );
    expect((await loadConnection({ env: { ...env, KUBECONFIG: "" } })).server).toBe("https://home.test");
  });

  test.each<[field: string, value: unknown]>([
    ["as-groups", ["admins"]],
    ["as-uid", "7"],
    ["as-user-extra", { reason: ["x"] }],
  ])(
    "that says %s is refused, for it would be somebody else who asks; another's user does not matter",
    async (field, value) => {
      const text = kubeconfigText(base, { as: "somebody", [field]: value });
      const message = await faultOf(loadConnection({ kubeconfig: write("c", text), env: {} }));
      expect(message).toContain(`user "test" of ${folder}/c has "${field}", which is not supported`);
      await loadConnection({ kubeconfig: write("c", kubeconfigText(base, { as: "somebody", [field]: [] })), env: {} });
      const first = write("first", kubeconfigText(base, {}));
      await loadConnection({ env: { KUBECONFIG: `${first}:${write("c", text)}` } });
    },
  );

  test("of several in KUBECONFIG says first what counts", async () => {
    const one = write("one", kubeconfigText({ ...base, url: "https://one.test" }, { token: "1" }));
    const two = write(
      "two",
      kubeconfigText({ ...base, url: "https://two.test" }, { token: "2" }).replaceAll('"test"', '"other"'),
    );
    const env = { KUBECONFIG: `${one}:${two}` };
    expect((await loadConnection({ env })).server).toBe("https://one.test");
    const other = await loadConnection({ env, context: "other" });
    expect(other.server).toBe("https://two.test");
    expect((await other.credentials()).headers).toEqual({ Authorization: "Bearer 2" });
  });

  test("gives the namespace of its context, client certificates, a proxy and whom to be", async () => {
    const ca = await issueFabric({ name: "ca" });
    const client = await issuePeer({ name: "client" }, ca);
    write("key.pem", client.key);
    const config = JSON.parse(
      kubeconfigText(base, {
        "client-certificate-data": Buffer.from(client.cert).toString("base64"),
        "client-key": "key.pem",
        as: "somebody",
      }),
    );
    config.clusters[0].cluster["proxy-url"] = "http://proxy.test:3128";
    const connection = await loadConnection({ kubeconfig: write("config", JSON.stringify(config)), env: {} });
    expect(connection.namespace).toBe("default");
    expect(await connection.credentials()).toEqual({
      headers: { "Impersonate-User": "somebody" },
      tls: { rejectUnauthorized: true, ca: "x", cert: client.cert, key: client.key, serverName: "api.test" },
      proxy: "http://proxy.test:3128",
    });
  });

  const exec = (more: object) => ({ exec: { apiVersion: "client.authentication.k8s.io/v1", command: "x", ...more } });
  test.each<[rule: string, config: () => string, context: string | undefined, fault: RegExp]>([
    ["that is missing", () => join("/nowhere", "config"), undefined, /\/nowhere\/config cannot be read: ENOENT/],
    ["that is no YAML", () => write("c", "token: [s3cret"), undefined, /neither YAML nor JSON$/],
    ["that is a text", () => write("c", "s3cret"), undefined, /it is no kubeconfig$/],
    ["without the context", () => write("c", kubeconfigText(base, {})), "nope", /no context "nope"; it has test$/],
    ["without a current context", () => write("c", `{"contexts": []}`), undefined, /no current context; name one/],
    [
      "whose context names no cluster",
      () => write("c", kubeconfigText(base, {}).replace('"cluster":"test"', '"cluster":"x"')),
      undefined,
      /no cluster "x"/,
    ],
    [
      "whose context names no user",
      () => write("c", kubeconfigText(base, {}).replace('"user":"test"', '"user":"x"')),
      undefined,
      /no user "x"/,
    ],
    [
      "with a provider of old",
      () => write("c", kubeconfigText(base, { "auth-provider": { name: "gcp" } })),
      undefined,
      /"gcp".*exec plugin/,
    ],
    ["with another address", () => write("c", kubeconfigText({ ...base, url: "ftp://x" }, {})), undefined, /ftp:\/\/x/],
    [
      "with a plugin of another version",
      () => write("c", kubeconfigText(base, exec({ apiVersion: "v0" }))),
      undefined,
      /"v0"; use client.authentication.k8s.io\/v1 or/,
    ],
  ])("%s is refused with the remedy", async (_, config, context, fault) => {
    const message = await faultOf(loadConnection({ kubeconfig: config(), context, env: {} }));
    expect(message).toMatch(fault);
    expect(message).not.toContain("s3cret");
  });

  test("that nobody has, outside of a pod, is asked for", async () => {
    const message = await faultOf(loadConnection({ env: { HOME: "/nowhere" }, serviceAccountFolder: folder }));
    expect(message).toContain("--kubeconfig");
  });

  const credential = (status: string) =>
    `echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":${status}}'`;
  test.each<[rule: string, script: string | undefined, fault: RegExp]>([
    ["that is not there", undefined, /not on PATH: ask the administrators$/],
    ["that fails", "echo s3cret >&2; echo s3cret; exit 3", /exit code 3$/],
    ["that prints no JSON", "echo s3cret", /did not print JSON$/],
    ["that prints something else", "echo '{}'", /did not print an ExecCredential/],
    ["that prints without end", "exec yes s3cret", /printed more than 1048576 bytes$/],
    ["that prints nothing of use", credential("{}"), /neither a token nor a certificate/],
  ])("a plugin %s is told without what it said", async (_, script, fault) => {
    if (script !== undefined) chmodSync(write("plugin", `#!/bin/sh\n${script}\n`), 0o700);
    const user = exec({ command: "plugin", installHint: "ask the administrators" });
    const env = { PATH: `${folder}:${process.env["PATH"]}` };
    const connection = await loadConnection({ kubeconfig: write("config", kubeconfigText(base, user)), env });
    const message = await faultOf(connection.credentials());
    expect(message).toMatch(fault);
    expect(message).not.toContain("s3cret");
  });

  test("a plugin that leaves its output to others is not waited for without end", async () => {
    const script = "#!/bin/sh\nsleep 2 &\n";
    chmodSync(write("leaving", script), 0o700);
    const spec = { apiVersion: "client.authentication.k8s.io/v1", command: join(folder, "leaving") };
    const cluster = { name: "c", server: "https://127.0.0.1", skipTLSVerify: false };
    const plugin = new ExecPlugin({ spec, cluster, env: { PATH: process.env["PATH"] }, limit: 300 });
    expect(await faultOf(plugin.credential())).toMatch(/took longer than 300 ms$/);
  });
});
