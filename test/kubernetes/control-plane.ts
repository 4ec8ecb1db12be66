/** The programs of a real control plane: etcd and kube-apiserver from the folder `KUBEBUILDER_ASSETS`, as processes. */
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../free-port.ts";
import { serverCertificate } from "./certificate.ts";

/**
 * What the audit log has: everything but what the server asks itself, and what the administrator of the tests reads.
 * A watch is logged when it begins.
 */
const AUDIT_POLICY = {
  apiVersion: "audit.k8s.io/v1",
  kind: "Policy",
  omitStages: ["RequestReceived"],
  rules: [
    { level: "None", users: ["system:apiserver"] },
    { level: "None", users: ["admin"], verbs: ["get", "list", "watch"] },
    { level: "Metadata" },
  ],
};

/** One real API server with an etcd of its own. Both end with this process, however that ends. */
export class ControlPlane {
  readonly folder = mkdtempSync(join(tmpdir(), "clusterlink-envtest-"));
  readonly #assets = process.env["KUBEBUILDER_ASSETS"] ?? "";
  readonly #ports = { etcd: freePort(), peer: freePort(), secure: freePort() };
  #etcd: Running | undefined;
  #server: Running | undefined;

  get url(): string {
    return `https://127.0.0.1:${this.#ports.secure}`;
  }

  /** @param users - names and groups by their tokens. @returns the PEM of the CA that signed the server's certificate */
  async start(users: ReadonlyMap<string, { name: string; groups: readonly string[] }>): Promise<string> {
    const { ca, cert, key } = await serverCertificate();
    const tokens = [...users].map(([token, { name, groups }], id) => `${token},${name},${id},"${groups.join(",")}"\n`);
    const files = {
      "ca.pem": ca,
      "cert.pem": cert,
      "key.pem": key,
      "tokens.csv": tokens.join(""),
      "audit-policy.yaml": JSON.stringify(AUDIT_POLICY),
      "audit.log": "",
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(this.file(name), text, { mode: 0o600 });
    const { etcd, peer } = this.#ports;
    this.#etcd = run(
      this.file("etcd.log"),
      [
        join(this.#assets, "etcd"),
        `--data-dir=${this.file("etcd")}`,
        `--listen-client-urls=http://127.0.0.1:${etcd}`,
        `--advertise-client-urls=http://127.0.0.1:${etcd}`,
        `--listen-peer-urls=http://127.0.0.1:${peer}`,
        `--initial-advertise-peer-urls=http://127.0.0.1:${peer}`,
        `--initial-cluster=default=http://127.0.0.1:${peer}`,
        "--unsafe-no-fsync",
      ],
      this.folder,
    );
    this.startServer();
    return ca;
  }

  /** Starts the API server, at first or after {@link killServer}: on the same port, with the same objects. */
  startServer(): void {
    this.#server ??= run(this.file("kube-apiserver.log"), [
      join(this.#assets, "kube-apiserver"),
      `--etcd-servers=http://127.0.0.1:${this.#ports.etcd}`,
      `--cert-dir=${this.folder}`,
      "--bind-address=127.0.0.1",
      `--secure-port=${this.#ports.secure}`,
      `--tls-cert-file=${this.file("cert.pem")}`,
      `--tls-private-key-file=${this.file("key.pem")}`,
      `--client-ca-file=${this.file("ca.pem")}`,
      `--token-auth-file=${this.file("tokens.csv")}`,
      "--authorization-mode=RBAC",
      "--service-cluster-ip-range=10.0.0.0/16",
      "--service-account-issuer=https://kubernetes.test",
      `--service-account-key-file=${this.file("cert.pem")}`,
      `--service-account-signing-key-file=${this.file("key.pem")}`,
      "--disable-admission-plugins=ServiceAccount",
      `--audit-policy-file=${this.file("audit-policy.yaml")}`,
      `--audit-log-path=${this.file("audit.log")}`,
      "--audit-log-maxsize=10000",
    ]);
  }

  /** Kills the API server (SIGKILL), with every connection to it. */
  async killServer(): Promise<void> {
    await this.#server?.kill();
    this.#server = undefined;
  }

  async stop(): Promise<void> {
    await this.killServer();
    await this.#etcd?.kill();
  }

  file(name: string): string {
    return join(this.folder, name);
  }

  /** The end of the API server's log, for people. */
  lastWords(): string {
    return readFileSync(this.file("kube-apiserver.log"), "utf8").trim().split("\n").slice(-3).join("; ");
  }
}

interface Running {
  /** Resolves when it is gone. */
  kill(): Promise<void>;
}

/**
 * Starts a program that is killed when our end of its pipe closes, as it does when this process is gone; the folder to
 * be removed goes with it.
 */
function run(log: string, command: string[], removed?: string): Running {
  const script = '"$@" >>"$0" 2>&1 </dev/null & pid=$!; cat >/dev/null; kill -KILL $pid; wait $pid';
  const clean = removed === undefined ? "" : `; rm -rf '${removed}'`;
  const child = Bun.spawn(["sh", "-c", script + clean, log, ...command], {
    stdin: "pipe",
    stdout: "ignore",
    stderr: "ignore",
  });
  child.unref();
  return {
    async kill() {
      child.ref();
      await child.stdin.end();
      await child.exited;
    },
  };
}
