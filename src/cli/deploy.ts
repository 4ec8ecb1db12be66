/** `clusterlink deploy peer`. */
import { join } from "node:path";
import { type Command, Option } from "commander";
import { withoutSecrets } from "../deploy/identity.ts";
import { instanceObject } from "../deploy/instance.ts";
import { SYSTEM_NAMESPACE } from "../deploy/options.ts";
import { peerFiles } from "../pki/fabric-files.ts";
import { LOG_LEVELS } from "../telemetry/log.ts";
import { addClusterOptions, type ClusterOptions, clusterClient } from "./cluster.ts";
import { manifestText, writeManifest } from "./deploy-files.ts";
import { type DeployFlags, readDeployFlags } from "./deploy-flags.ts";
import { readIdentity } from "./deploy-identity.ts";
import { type DeployPlan, operatedPlan, STARTS, type Start, standalonePlan } from "./deploy-plan.ts";
import { CliError } from "./errors.ts";
import { fail, note, print } from "./output.ts";
import { readDuration } from "./ttl.ts";

interface DeployOptions extends DeployFlags, ClusterOptions {
  name: string;
  fabric: string;
  path: string;
  start: Start;
  dryRun?: true;
  wait?: true;
  timeout: string;
}

/** Adds `deploy` to the program. */
export function addDeployCommand(program: Command): void {
  const deploy = program
    .command("deploy")
    .description("Deploys a gateway to a Kubernetes cluster.")
    .addHelpText("after", EXAMPLES);
  const command = deploy
    .command("peer")
    .description("Makes a peer of the cluster: CRDs, namespace, certificates, permissions, gateway, and operator.")
    .requiredOption("--name <peer>", "the peer's name, as in 'create peer-cert'")
    .option("--fabric <fabric>", "the fabric that it belongs to", "default_fabric")
    .option("--path <dir>", "the folder that holds the fabric's folder", ".")
    .option("--namespace <namespace>", "where the gateway is deployed", SYSTEM_NAMESPACE)
    .option("--ingress <type>", "how peers reach it: LoadBalancer, NodePort or none", "LoadBalancer")
    .option(
      "--ingress-port <port>",
      "the port that peers dial (default: 443; with NodePort, one that Kubernetes allots)",
    )
    .addOption(pairs("--ingress-annotations <key=value>", "annotations of the gateway's Service; may be repeated"))
    .option("--replicas <n>", "gateway pods, up to 10 (default: 1)")
    .option("--image <image>", "the container image (default: clusterlink:VERSION, as it is loaded into nodes)")
    .option("--container-registry <registry>", "where the image is pulled from: REGISTRY/clusterlink:TAG")
    .option("--tag <tag>", "the image's tag (default: the version of this program)")
    .addOption(pairs("--label <key=value>", "a label of the site, which policies can select by; may be repeated"))
    .option("--log-level <level>", `least level that is logged: ${LOG_LEVELS.join(", ")}`, "info")
    .addOption(
      new Option("--start <what>", "what to start; 'none' writes k8s.yaml instead").choices(STARTS).default("all"),
    )
    .option("--dry-run", "print what would be applied, without what is secret, and ask no cluster")
    .option("--wait", "wait until the gateway is ready, and show how far it is")
    .option("--timeout <duration>", "how long --wait waits", "5m")
    .addOption(new Option("--dataplane-replicas <n>", "the same as --replicas").hideHelp())
    .addOption(new Option("--dataplane <type>").hideHelp())
    .addOption(new Option("--controlplane-replicas <n>").hideHelp());
  addClusterOptions(command).addHelpText("after", EXAMPLES).action(deployPeer);
}

async function deployPeer(options: DeployOptions): Promise<void> {
  const { options: gateway, notices, faults } = readDeployFlags(options);
  const timeout = readDuration("--timeout", options.timeout);
  const identity = await readIdentity(options);
  if ("faults" in identity) return refuse([...faults, ...identity.faults]);
  if (faults.length > 0) return refuse(faults);
  for (const notice of notices) note(`note: ${notice}`);
  const { dir } = peerFiles(options.path, options.fabric, options.name);
  const { start } = options;
  const plan = start === "none" ? standalonePlan(gateway, identity) : operatedPlan(start, gateway, identity);
  if (options.dryRun) return show(plan);
  if (start === "none") {
    return writeInstead(join(dir, "k8s.yaml"), plan);
  }
  const client = await clusterClient(options);
  const { checkCluster } = await import("./deploy-check.ts");
  const { applyPlan } = await import("./deploy-apply.ts");
  await checkCluster(client, gateway.namespace, options.name);
  await applyPlan(client, plan);
  if (start === "operator") {
    const path = join(dir, "cl-instance.yaml");
    await writeManifest(path, manifestText([instanceObject(gateway)]));
    note(`wrote ${path}\nNext, to start the gateway: kubectl apply -f ${path}`);
  } else if (options.wait) {
    const { waitForGateway } = await import("./deploy-wait.ts");
    await waitForGateway(client, gateway.namespace, timeout);
  }
}

/** Tells all faults, as commands do: each on a line. */
function refuse(faults: readonly string[]): never {
  for (const fault of faults.slice(0, -1)) fail(fault);
  throw new CliError("usage", faults.at(-1) ?? "");
}

function show({ definitions, objects }: DeployPlan): void {
  print(manifestText([...definitions, ...objects.map(withoutSecrets)]).trimEnd());
}

async function writeInstead(path: string, { definitions, objects }: DeployPlan): Promise<void> {
  await writeManifest(path, manifestText([...definitions, ...objects]));
  print(`wrote ${path}`);
  note(`It holds the peer's private key.\nNext: kubectl apply --server-side -f ${path}`);
}

function pairs(flags: string, description: string): Option {
  return new Option(flags, description).argParser((value: string, before?: string[]) => [...(before ?? []), value]);
}

const EXAMPLES = `
Examples:
  clusterlink deploy peer --name berlin --fabric shop --wait
  clusterlink deploy peer --name berlin --fabric shop --ingress NodePort --ingress-port 30443 --replicas 2
  clusterlink deploy peer --name berlin --fabric shop --container-registry registry.example --label region=eu

  # write k8s.yaml, apply nothing
  clusterlink deploy peer --name berlin --fabric shop --start none

  # show what would be applied
  clusterlink deploy peer --name berlin --fabric shop --dry-run`;
