/** The cluster that a command works on. */
import type { Command } from "commander";
import type { KubeClient } from "../store/kubernetes/client.ts";
import type { Connection } from "../store/kubernetes/connection.ts";
import { CliError } from "./errors.ts";

export interface ClusterOptions {
  kubeconfig?: string;
  context?: string;
}

/** Adds `--kubeconfig` and `--context` to a command. */
export function addClusterOptions(command: Command): Command {
  return command
    .option("--kubeconfig <file>", "the cluster's kubeconfig (default: KUBECONFIG, else ~/.kube/config, as kubectl)")
    .option("--context <name>", "a context of the kubeconfig (default: its current one)");
}

/** @returns the way to the API server. Throws a usage error when there is none. */
export async function clusterConnection({ kubeconfig, context }: ClusterOptions): Promise<Connection> {
  const { loadConnection } = await import("../store/kubernetes/kubeconfig.ts");
  const { CredentialsError } = await import("../store/kubernetes/connection.ts");
  try {
    return await loadConnection({ kubeconfig, context });
  } catch (error) {
    if (error instanceof CredentialsError) throw new CliError("usage", error.message, { cause: error });
    throw error;
  }
}

/** @returns a client of the API server. Throws a usage error when none is known. */
export async function clusterClient(options: ClusterOptions): Promise<KubeClient> {
  const connection = await clusterConnection(options);
  const { KubeClient } = await import("../store/kubernetes/client.ts");
  return new KubeClient({ connection });
}
