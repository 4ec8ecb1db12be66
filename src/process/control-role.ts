import manifest from "../../package.json" with { type: "json" };
import { Control } from "../control/control.ts";
import { Site } from "../control/site.ts";
import { loadCertificates } from "../pki/load.ts";
import { CertificateWatch } from "../pki/watch.ts";
import type { ToControl, ToRelay } from "../snapshot/messages.ts";
import { createLogger, type Logger } from "../telemetry/log.ts";
import { type ApiDoors, openDoors } from "./api-doors.ts";
import { type ChildConfig, readChildInput } from "./child-protocol.ts";
import { channelSocketPath, exposedSocketPath, type GatewayConfig } from "./config.ts";
import { ignoreSignals } from "./ignore-signals.ts";
import type { OpenSite } from "./open-site.ts";
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
  const ending = new AbortController();
  let running: RunningControl | undefined;
  input.onCommand((command) => {
    if (command === "drain") running?.control.drain();
    else {
      ending.abort();
      ended.resolve();
    }
  });
  try {
    running = await startControl(input.config, log, ending.signal);
  } catch (error) {
    if (ending.signal.aborted) return 0;
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

async function startControl(config: ChildConfig, log: Logger, ended: AbortSignal): Promise<RunningControl> {
  const { gateway, instance, startedAt } = config;
  const { state, namespace } = gateway;
  const certificates = await loadCertificates(gateway.pki);
  const opened = await openSite(config, log, ended);
  const control = new Control({
    store: opened.store,
    log,
    namespace,
    certificates,
    site: opened.kind,
    self: {
      instance,
      labels: gateway.peerLabels,
      listen: { address: gateway.listen.host, port: gateway.listen.port },
      ...(gateway.exposeApi ? { exposedApi: exposedSocketPath(state) } : {}),
      authzKey: opened.authzKey,
      ...opened.identities,
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
  const channels = listenForChannels<ToRelay, ToControl>(
    channelSocketPath(state),
    (channel) => control.attach(channel),
    (error) => log.error("what a relay said could not be handled; it starts anew", { error }),
  );
  const { tokenKey, served } = opened;
  const doors: ApiDoors = openDoors({ gateway, store: served, tokenKey, site, certificates, version, log });
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
  await opened.beforeStart?.(control);
  opened.followKeys?.(({ authzKey, acceptedAuthzKeys, tokenKey: key }) => {
    control.renewAuthzKey(authzKey, acceptedAuthzKeys);
    doors.replaceTokenKey(key);
  });
  control.start();
  return {
    control,
    async stop() {
      opened.close?.();
      watch.close();
      channels.stop();
      await doors.close();
      await control.stop();
      opened.closeStore?.();
    },
  };
}

/** Each kind of site loads its own modules only. */
async function openSite(config: ChildConfig, log: Logger, ended: AbortSignal): Promise<OpenSite> {
  const { kubernetes } = config.gateway;
  if (kubernetes === undefined) return (await import("./standalone-site.ts")).openStandaloneSite(config, log);
  return (await import("./kubernetes-site.ts")).openKubernetesSite(config, kubernetes, log, ended);
}

function openToNetwork({ listen, apiListen, exposeApi }: GatewayConfig) {
  if (!apiListen && !exposeApi) return undefined;
  return { ...(apiListen ? { listen: apiListen } : {}), ...(exposeApi ? { exposed: listen } : {}) };
}
