/** `clusterlink operator`. */
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { Election } from "../control/kubernetes/election.ts";
import { OPERATOR_NAME } from "../deploy/names.ts";
import { OPERATOR_NAMESPACE } from "../deploy/options.ts";
import { serveProbes } from "../operator/probes.ts";
import type { Terms } from "../operator/terms.ts";
import { parseListener } from "../process/flag-values.ts";
import { formatHostPort, type HostPort } from "../resources/address.ts";
import { createLogger, LOG_LEVELS, type LogLevel } from "../telemetry/log.ts";
import { addClusterOptions, type ClusterOptions, clusterConnection } from "./cluster.ts";
import { CliError } from "./errors.ts";

interface OperatorOptions extends ClusterOptions {
  namespace: string;
  probeListen?: HostPort;
  logLevel: LogLevel;
  logFormat: "json" | "text";
}

/** Adds `operator` to the program. */
export function addOperatorCommand(program: Command): void {
  const command = program
    .command("operator")
    .description(
      "Keeps the gateway of an Instance deployed in a cluster, until SIGTERM or SIGINT. 'deploy peer' runs it there.",
    )
    .addOption(
      new Option("--namespace <namespace>", "where its Lease is, and the Instances that it serves")
        .env("CLUSTERLINK_NAMESPACE")
        .default(OPERATOR_NAMESPACE),
    )
    .addOption(
      new Option(
        "--probe-listen <host:port>",
        "where GET /livez and /readyz are answered, over HTTP (default: nowhere)",
      )
        .env("CLUSTERLINK_PROBE_LISTEN")
        .argParser(readListener),
    )
    .addOption(new Option("--log-level <level>", "least level that is logged").choices(LOG_LEVELS).default("info"))
    .addOption(new Option("--log-format <format>", "of the log").choices(["json", "text"]).default("text"));
  addClusterOptions(command).addHelpText("after", EXAMPLES).action(runOperator);
}

async function runOperator(options: OperatorOptions): Promise<void> {
  const log = createLogger({ level: options.logLevel, format: options.logFormat, fields: { role: "operator" } });
  const connection = await clusterConnection(options);
  const { KubeClient } = await import("../store/kubernetes/client.ts");
  const { Election } = await import("../control/kubernetes/election.ts");
  const { Operator } = await import("../operator/operator.ts");
  const { Terms } = await import("../operator/terms.ts");
  const client = new KubeClient({ connection });
  const { namespace } = options;
  const terms = new Terms(() => new Operator({ client, log, namespace }));
  const election = new Election({
    client,
    namespace,
    name: OPERATOR_NAME,
    identity: `${hostname()}_${randomUUID()}`,
    log,
    onChange: (leads) => terms.onChange(leads),
  });
  const probes = options.probeListen && startProbes(options.probeListen, () => reasons(election, terms));
  election.start();
  await told(["SIGTERM", "SIGINT"]);
  await probes?.stop();
  await terms.stop();
  await election.stop();
  await election.release();
  process.exitCode = 0;
}

/** @throws InvalidArgumentError */
function readListener(value: string): HostPort {
  try {
    return parseListener(value);
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}

/** @throws CliError when the address cannot be bound */
function startProbes(listen: HostPort, why: () => string[]): { stop: () => Promise<void> } {
  try {
    return serveProbes({ listen, reasons: why });
  } catch (cause) {
    const place = formatHostPort(listen.host, listen.port);
    const message = `--probe-listen ${place} cannot be bound; give a free port, and an address of this host`;
    throw new CliError("failed", message, { cause });
  }
}

/** Why it can do no work at present; that another one leads is no reason. */
function reasons({ answered }: Pick<Election, "answered">, { synced }: Pick<Terms, "synced">): string[] {
  return [
    ...(answered ? [] : [`Lease ${OPERATOR_NAME} cannot be read or written`]),
    ...(synced ? [] : ["the Instances, Deployments and Services have not all been read yet"]),
  ];
}

/** Resolves at the first of the signals. */
function told(signals: NodeJS.Signals[]): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of signals) process.once(signal, () => resolve());
  });
}

const EXAMPLES = `
Examples:
  # in a pod, or with the current context of kubectl
  clusterlink operator

  # against another cluster
  clusterlink operator --kubeconfig ~/.kube/berlin`;
