/** The commands by name. Each is loaded only when it is asked for, so that no command pays for another's libraries. */
import type { Command } from "commander";

export interface CommandEntry {
  name: string;
  /** One line for the list of commands. */
  summary: string;
  /** Run by the gateway itself, not by people. */
  hidden?: true;
  /** Needs every other command loaded. */
  readsAll?: true;
  /** Loads the command's file; the function returned adds the command to the program. */
  load(): Promise<(program: Command) => void>;
}

export const COMMANDS: readonly CommandEntry[] = [
  {
    name: "create",
    summary: "create a fabric, or a peer's certificate",
    load: async () => (await import("./create.ts")).addCreateCommand,
  },
  {
    name: "gateway",
    summary: "run the gateway of a site",
    load: async () => (await import("./gateway.ts")).addGatewayCommand,
  },
  {
    name: "deploy",
    summary: "deploy a gateway to a Kubernetes cluster",
    load: async () => (await import("./deploy.ts")).addDeployCommand,
  },
  {
    name: "apply",
    summary: "create or change resources from YAML or JSON",
    load: async () => (await import("./apply.ts")).addApplyCommand,
  },
  { name: "get", summary: "show resources", load: async () => (await import("./get.ts")).addGetCommand },
  { name: "delete", summary: "delete resources", load: async () => (await import("./delete.ts")).addDeleteCommand },
  {
    name: "status",
    summary: "show whether a site is ready, and what is wrong",
    load: async () => (await import("./status.ts")).addStatusCommand,
  },
  {
    name: "explain",
    summary: "tell what would happen to a connection, and which policy decides it",
    load: async () => (await import("./explain.ts")).addExplainCommand,
  },
  {
    name: "connections",
    summary: "show the live connections",
    load: async () => (await import("./connections.ts")).addConnectionsCommand,
  },
  {
    name: "token",
    summary: "issue a token for the control API",
    load: async () => (await import("./token.ts")).addTokenCommand,
  },
  {
    name: "kubeconfig",
    summary: "write a kubeconfig file, so that kubectl works on a site",
    load: async () => (await import("./kubeconfig.ts")).addKubeconfigCommand,
  },
  {
    name: "operator",
    summary: "keep the gateway of an Instance deployed in a Kubernetes cluster",
    load: async () => (await import("./operator.ts")).addOperatorCommand,
  },
  {
    name: "demo",
    summary: "run two sites on this machine and send a request through them",
    load: async () => (await import("./demo.ts")).addDemoCommand,
  },
  { name: "version", summary: "show the version", load: async () => (await import("./version.ts")).addVersionCommand },
  {
    name: "completion",
    summary: "print a completion script for bash, zsh or fish",
    readsAll: true,
    load: async () => (await import("./completion.ts")).addCompletionCommand,
  },
  {
    name: "control",
    summary: "the control role of a gateway, started by its supervisor",
    hidden: true,
    load: async () => (await import("./roles.ts")).addControlCommand,
  },
  {
    name: "relay",
    summary: "a relay role of a gateway, started by its supervisor",
    hidden: true,
    load: async () => (await import("./roles.ts")).addRelayCommand,
  },
  {
    name: "raw",
    summary: "a request to the control API, run in a gateway's pod",
    hidden: true,
    load: async () => (await import("./raw.ts")).addRawCommand,
  },
];
