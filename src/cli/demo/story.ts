/** What the demo shows, step by step. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CliError } from "../errors.ts";
import { print } from "../output.ts";
import { GatewayProcess } from "./gateway-process.ts";
import { type DemoPorts, demoManifests } from "./manifests.ts";
import { freePorts, type RequestOutcome, request, untilListening } from "./network.ts";
import type { Stage } from "./stage.ts";

/** How long a policy may take from `apply` to being in force before the demo calls it broken; milliseconds. */
const IN_FORCE_DEADLINE = 5_000;

/** Where each site's control API is, from the folder of the demo. */
const SERVER_API = ["--server", "unix:server/api.sock"] as const;
const CLIENT_API = ["--server", "unix:client/api.sock"] as const;

/** What the demo has started; `stop` ends it. */
export class Demo {
  readonly gateways: GatewayProcess[] = [];
  #service: Bun.Server<undefined> | undefined;

  constructor(readonly stage: Stage) {}

  /** Plays the demo; afterwards both sites are up. Throws at the first step that does not do what it should. */
  async play(): Promise<DemoPorts> {
    const ports = await choosePorts();
    await this.#fabric();
    await this.#sites(ports);
    await this.#services(ports);
    await this.#refusedThenAnswered(ports);
    return ports;
  }

  /** Ends the gateways and the service. */
  async stop(): Promise<void> {
    await Promise.all(this.gateways.map((gateway) => gateway.stop()));
    await this.#service?.stop(true);
  }

  async #fabric(): Promise<void> {
    const { stage } = this;
    stage.title("A fabric is a CA; each site gets a certificate from it.");
    await stage.clusterlink("create", "fabric", "--name", "demo");
    for (const site of ["server", "client"]) {
      await stage.clusterlink("create", "peer-cert", "--fabric", "demo", "--name", site);
    }
  }

  async #sites(ports: DemoPorts): Promise<void> {
    this.stage.title("Two sites, each with a gateway of its own.");
    this.#start("server", ports.serverGateway);
    this.#start("client", ports.clientGateway);
    const ends = this.gateways.map((gateway) => gateway.end());
    for (const api of [SERVER_API, CLIENT_API]) {
      await Promise.race([this.stage.clusterlink("status", ...api, "--wait", "--ready"), ...ends]);
    }
  }

  #start(site: string, port: number): void {
    const listen = ["--listen", `127.0.0.1:${port}`, "--import-address", "127.0.0.1"];
    const args = ["gateway", "--pki", `demo/${site}`, "--state", site, ...listen, "--relays", "1", "--grace", "2s"];
    this.gateways.push(new GatewayProcess(this.stage, site, args));
  }

  async #services(ports: DemoPorts): Promise<void> {
    const { stage } = this;
    stage.title(
      `Site 'server' has an HTTP service on 127.0.0.1:${ports.service}, and exports it. Site 'client' imports it.`,
    );
    this.#service = Bun.serve({
      hostname: "127.0.0.1",
      port: ports.service,
      fetch: () => new Response("Hello from site 'server'\n"),
    });
    for (const [name, text] of Object.entries(demoManifests(ports)))
      await writeFile(join(stage.options.folder, name), text);
    await stage.clusterlink("apply", ...SERVER_API, "-f", "server.yaml");
    await stage.clusterlink("apply", ...CLIENT_API, "-f", "client.yaml");
    await untilListening(ports.imported);
    await stage.clusterlink("get", "peers,imports", "-A", ...CLIENT_API);
  }

  async #refusedThenAnswered(ports: DemoPorts): Promise<void> {
    const { stage } = this;
    const url = `http://127.0.0.1:${ports.imported}/`;
    stage.title("Nothing is allowed yet, so the request is REFUSED.");
    this.#expectRefused(await this.#curl(url));
    await stage.clusterlink("explain", ...CLIENT_API, "--client", "127.0.0.1", "--import", "default/hello");

    stage.title("A policy at site 'client' alone is not enough: site 'server' decides too, and REFUSES.");
    await stage.clusterlink("apply", ...CLIENT_API, "-f", "allow.yaml");
    this.#expectRefused(await this.#curl(url));
    await stage.clusterlink("explain", ...SERVER_API, "--peer", "client", "--export", "default/hello");

    stage.title("With the policy on both sides the request is ANSWERED.");
    await stage.clusterlink("apply", ...SERVER_API, "-f", "allow.yaml");
    stage.show(["curl", url]);
    const outcome = await untilAnswered(url);
    show(outcome);
    if (!outcome.answered || outcome.status !== 200)
      throw new CliError("failed", "the request was not answered though both sides allow it");
  }

  async #curl(url: string): Promise<RequestOutcome> {
    this.stage.show(["curl", url]);
    const outcome = await request(url);
    show(outcome);
    return outcome;
  }

  #expectRefused(outcome: RequestOutcome): void {
    if (outcome.answered) throw new CliError("failed", "the request was answered though nothing allows it");
  }
}

async function choosePorts(): Promise<DemoPorts> {
  const [serverGateway = 0, clientGateway = 0, service = 0, imported = 0] = await freePorts(4);
  return { serverGateway, clientGateway, service, imported };
}

async function untilAnswered(url: string): Promise<RequestOutcome> {
  const end = Date.now() + IN_FORCE_DEADLINE;
  for (;;) {
    const outcome = await request(url);
    if (outcome.answered || Date.now() > end) return outcome;
    await Bun.sleep(50);
  }
}

function show(outcome: RequestOutcome): void {
  print(outcome.answered ? `  ${outcome.body}` : `  connection cut (${outcome.reason})`);
}
