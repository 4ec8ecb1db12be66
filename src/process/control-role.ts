import { join } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import { loadAuthzKey } from "../control/authz-key.ts";
import { Control } from "../control/control.ts";
import { standaloneSite } from "../control/reconcile/site-kind.ts";
import { Site } from "../control/site.ts";
import { loadCertificates } from "../pki/load.ts";
import { CertificateWatch } from "../pki/watch.ts";
import type { ToControl, ToRelay } from "../snapshot/messages.ts";
import { ManifestFolder } from "../store/manifests.ts";
import { StandaloneStore } from "../store/standalone/standalone-store.ts";
import { createLogger, type Logger } from "../telemetry/log.ts";
import { type ApiDoors, openDoors } from "./api-doors.ts";
import { type ChildConfig, readChildInput } from "./child-protocol.ts";
import { channelSocketPath, exposedSocketPath, type GatewayConfig } from "./config.ts";
import { ignoreSignals } from "./ignore-signals.ts";
import { startFaults } from "./start-faults.ts";
import { listenForChannels } from "./unix-channel.ts";

/**
 * Runs control in this process, until the supervisor tells it to end or is gone.
 *
 * @returns the exit code: 2 when the configuration, the certificates or the state cannot be used; every fault has been
 * written to standard error then.
 */
export async function runControl(): Promise<number> {
  ignoreSignals();
  const input = await readChildInput();
  const { logLevel, logFormat } = input.config.gateway;
  const log = createLogger({ level: logLevel, format: logFormat, fields: { role: "control" } });
  const ended = Promise.withResolvers<void>();
  let running: RunningControl | undefined;
  input.onCommand((command) => {
    if (command === "drain") running?.control.drain();
    else ended.resolve();
  });
  try {
    running = await startControl(input.config, log);
  } catch (error) {
    const faults = startFaults(error);
    if (!faults) throw error;
    for (const fault of faults) process.stderr.write(`clusterlink: ${fault}\n`);
    return 2;
  }
  await ended.promise;
  await running.stop();
  return 0;
}

interface RunningControl {
  control: Control;
  stop(): Promise<void>;
}

async function startControl({ gateway, instance, startedAt }: ChildConfig, log: Logger): Promise<RunningControl> {
  const { state, namespace } = gateway;
  const certificates = await loadCertificates(gateway.pki);
  const store = new StandaloneStore({ directory: state, namespace });
  const control = new Control({
    store,
    log,
    namespace,
    certificates,
    site: standaloneSite({ importAddress: gateway.importAddress, reserved: reservedPorts(gateway) }),
    self: {
      instance,
      labels: gateway.peerLabels,
      listen: { address: gateway.listen.host, port: gateway.listen.port },
      ...(gateway.exposeApi ? { exposedApi: exposedSocketPath(state) } : {}),
      authzKey: loadAuthzKey(join(state, "authz.key")),
      deadlines: {
        handshake: gateway.handshakeTimeout,
        open: gateway.openTimeout,
        dial: gateway.dialTimeout,
        grace: gateway.grace,
      },
    },
    onBeat: (peer, success) => site.countHeartbeat(peer, success),
  });
  const { version } = manifest;
  const site = new Site(control, {
    version,
    startedAt,
    doors: openToNetwork(gateway),
    processes: [
      { role: "supervisor", pid: process.ppid },
      { role: "control", pid: process.pid },
    ],
  });
  const channels = listenForChannels<ToRelay, ToControl>(channelSocketPath(state), (channel) =>
    control.attach(channel),
  );
  const doors: ApiDoors = await openDoors({ gateway, store, site, certificates, version, log });
  const watch = new CertificateWatch({
    source: gateway.pki,
    current: certificates,
    onChange(renewed) {
      log.info("new certificates are in use", { notAfter: new Date(renewed.notAfter).toISOString() });
      control.renew(renewed);
      doors.replaceCertificate(renewed);
    },
    onProblems(problems) {
      for (const problem of problems)
        log.warn("the certificates on disk cannot be used; those in use stay", { problem });
      control.problems.set("certificates", problems);
    },
  });
  const folder = await followManifests(gateway, store, control, log);
  control.start();
  return {
    control,
    async stop() {
      folder?.close();
      watch.close();
      channels.stop();
      await doors.close();
      await control.stop();
      store.close();
    },
  };
}

/** The ports of the gateway itself, which no Import may have. */
function reservedPorts({ listen, apiListen }: GatewayConfig): Map<number, string> {
  const ports = new Map([[listen.port, "the gateway's peer port (--listen)"]]);
  if (apiListen) ports.set(apiListen.port, "the control API (--api-listen)");
  return ports;
}

function openToNetwork({ listen, apiListen, exposeApi }: GatewayConfig) {
  if (!apiListen && !exposeApi) return undefined;
  return { ...(apiListen ? { listen: apiListen } : {}), ...(exposeApi ? { exposed: listen } : {}) };
}

/** Applies `--manifests` before the first snapshot is made; without it, what came from files belongs to the API again. */
async function followManifests(
  { manifests, namespace }: GatewayConfig,
  store: StandaloneStore,
  control: Control,
  log: Logger,
): Promise<ManifestFolder | undefined> {
  if (manifests === undefined) {
    store.releaseManifests();
    return undefined;
  }
  const onProblems = (problems: readonly string[]) => {
    for (const problem of problems) log.warn("a manifest cannot be applied", { problem });
    control.problems.set("manifests", problems);
  };
  const folder = new ManifestFolder({ directory: manifests, namespace, store, onProblems });
  await folder.start();
  return folder;
}
