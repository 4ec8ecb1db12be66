/**
 * Two real clusters, with kubelets and pods, made by the quickstart through `provider-cluster.sh`; and what tests do
 * with them.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { missing, type Requirement, requires, requiresShared } from "../requires.ts";

export const ROOT = join(import.meta.dir, "..", "..");

export type Site = "server" | "client";

/**
 * What the clusters need: the script that makes them, and root, for they have network namespaces and containers.
 * @throws {Error} where the script is there, something else is not, and `CLUSTERLINK_TEST_REQUIRE=all` forbids skipping
 */
export function requiresClusters(): Requirement {
  const script = requiresShared("k8s/cluster");
  if (script.skip) return script;
  return process.getuid?.() === 0 ? requires("kubectl") : missing("real clusters can be made by root only");
}

export interface Ran {
  code: number;
  /** What it wrote, standard output and error, in the order of arrival. */
  output: string;
  stdout: string;
}

export class Clusters {
  readonly #folder = mkdtempSync(join(tmpdir(), "clusterlink-clusters-"));
  readonly #env = {
    ...process.env,
    QUICKSTART_PROVIDER: "test/kubernetes/provider-cluster.sh",
    QUICKSTART_DIST: this.dist,
    QUICKSTART_FOLDER: join(this.#folder, "site"),
  };

  /** The folder with the executable and the image. */
  get dist(): string {
    return join(this.#folder, "dist");
  }

  /** Builds executable and image from these sources. */
  async build(): Promise<void> {
    await this.succeed([process.execPath, "compile.ts", "--image", "--dist", this.dist]);
  }

  quickstart(command: "up" | "demo" | "down"): Promise<Ran> {
    return this.run(["kind/quickstart.sh", command]);
  }

  /** Removes the clusters, however far they came, and the build. */
  async down(): Promise<void> {
    await this.quickstart("down");
    rmSync(this.#folder, { recursive: true, force: true });
  }

  clusterlink(site: Site, args: string[]): Promise<Ran> {
    return this.run([join(this.dist, "clusterlink"), ...args, "--kubeconfig", this.kubeconfig(site)]);
  }

  /** `deploy peer` as the quickstart does it, with more flags. */
  deploy(site: Site, ...flags: string[]): Promise<Ran> {
    const place = ["--name", site, "--fabric", "demo", "--path", this.#env.QUICKSTART_FOLDER];
    const ingress = ["--ingress", "NodePort", "--ingress-port", "30443"];
    return this.clusterlink(site, ["deploy", "peer", ...place, ...ingress, "--wait", "--timeout", "60s", ...flags]);
  }

  /** Makes another certificate of a site, which `deploy` takes to the cluster. */
  async renewCertificate(site: Site): Promise<void> {
    const place = ["--name", site, "--fabric", "demo", "--path", this.#env.QUICKSTART_FOLDER];
    await this.succeed([join(this.dist, "clusterlink"), "create", "peer-cert", ...place, "--force"]);
  }

  kubectl(site: Site, ...args: string[]): Promise<Ran> {
    return this.run(this.kubectlCommand(site, ...args));
  }

  kubectlCommand(site: Site, ...args: string[]): string[] {
    return ["kubectl", "--kubeconfig", this.kubeconfig(site), ...args];
  }

  /** As {@link kubectl}. @returns its standard output. @throws {Error} with its output when it fails */
  async kube(site: Site, ...args: string[]): Promise<string> {
    return (await this.succeed(this.kubectlCommand(site, ...args))).stdout;
  }

  async get<T>(site: Site, ...args: string[]): Promise<T> {
    return JSON.parse(await this.kube(site, "get", ...args, "--output", "json")) as T;
  }

  async apply(site: Site, ...objects: object[]): Promise<void> {
    const list = { apiVersion: "v1", kind: "List", items: objects };
    await this.succeed(this.kubectlCommand(site, "apply", "--filename", "-"), JSON.stringify(list));
  }

  kubeconfig(site: Site): string {
    const state = process.env["CLUSTERLINK_K8S_STATE"] ?? "/var/tmp/clusterlink-k8s";
    return join(state, `clusterlink-${site}`, "kubeconfig");
  }

  /** Runs a command to its end in the checkout's folder. */
  async run(command: string[], input = ""): Promise<Ran> {
    const child = Bun.spawn(command, {
      cwd: ROOT,
      env: this.#env,
      stdin: new Blob([input]),
      stdout: "pipe",
      stderr: "pipe",
    });
    let output = "";
    const collect = async (stream: ReadableStream<Uint8Array>) => {
      let own = "";
      const decoder = new TextDecoder();
      for await (const bytes of stream) {
        const text = decoder.decode(bytes, { stream: true });
        own += text;
        output += text;
      }
      return own;
    };
    const [stdout] = await Promise.all([collect(child.stdout), collect(child.stderr)]);
    return { code: await child.exited, output, stdout };
  }

  /** As {@link run}. @throws {Error} with the output when it fails */
  async succeed(command: string[], input = ""): Promise<Ran> {
    const ran = await this.run(command, input);
    if (ran.code !== 0) throw new Error(`${command.join(" ")} ended with ${ran.code}: ${ran.output}`);
    return ran;
  }
}

/** Asks until the answer is what is wanted. @returns the last answer, wanted or not */
export async function until<T>(ask: () => Promise<T>, wanted: (answer: T) => boolean, limit = 30_000): Promise<T> {
  const end = Date.now() + limit;
  for (;;) {
    const answer = await ask();
    if (wanted(answer) || Date.now() >= end) return answer;
    await Bun.sleep(200);
  }
}
