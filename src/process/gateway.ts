import { randomUUID } from "node:crypto";
import manifest from "../../package.json" with { type: "json" };
import { formatHostPort } from "../resources/address.ts";
import { createLogger } from "../telemetry/log.ts";
import type { ChildConfig } from "./child-protocol.ts";
import type { GatewayConfig } from "./config.ts";
import { tooOpenMode } from "./key-mode.ts";
import { isAnotherGateways } from "./peer-port.ts";
import { startRole } from "./spawn.ts";
import { lockState, StateLockError } from "./state-lock.ts";
import { Supervisor } from "./supervisor.ts";

/** What relays may need beyond delay and grace, to send their last bytes. Milliseconds. */
const DRAIN_SLACK = 2_000;

/** What a gateway and its processes make is for their user alone, the lock and the sockets among it. */
const PRIVATE = 0o077;

/** How long the relays of a gateway that was killed may go on listening. They end within a second. Milliseconds. */
const PREDECESSOR_LIMIT = 3_000;

/** How often PID 1 collects what was left to it. Milliseconds. */
const REAP_INTERVAL = 5_000;

/**
 * Runs a gateway: this process becomes the supervisor of its control and its relays, until SIGTERM or SIGINT. A second
 * signal ends it at once.
 *
 * @param leash counts as a signal when it resolves.
 * @returns the exit code: 0 after an orderly end, 2 when the configuration or the state folder cannot be used.
 */
export async function runGateway(config: GatewayConfig, leash?: Promise<void>): Promise<number> {
  const log = createLogger({ level: config.logLevel, format: config.logFormat, fields: { role: "supervisor" } });
  process.umask(PRIVATE);
  let lock: ReturnType<typeof lockState>;
  try {
    lock = lockState(config.state);
  } catch (error) {
    if (!(error instanceof StateLockError)) throw error;
    process.stderr.write(`clusterlink: ${error.message}\n`);
    return 2;
  }
  // A volume of a pod is its own, though its mode says otherwise.
  if (lock.warning !== undefined && config.kubernetes === undefined) log.warn(`--state: ${lock.warning}`);
  const peerPort = formatHostPort(config.listen.host, config.listen.port);
  if (await isAnotherGateways(config.listen, PREDECESSOR_LIMIT)) {
    process.stderr.write(`clusterlink: --listen: another gateway has ${peerPort}; end it, or choose another port\n`);
    lock.release();
    return 2;
  }
  const { key } = config.pki;
  const keyMode = config.kubernetes === undefined ? tooOpenMode(key) : undefined;
  if (keyMode !== undefined) log.warn(`--pki: the private key ${key} is open to others (${keyMode}); chmod 600 ${key}`);
  log.info("starting", { version: manifest.version, peerPort, api: config.apiSocket, relays: config.relays });
  const child: ChildConfig = { gateway: config, instance: randomUUID(), startedAt: Date.now() };
  const supervisor = new Supervisor({
    roles: [["control"], ...Array.from({ length: config.relays }, (_, index) => ["relay", String(index)])],
    config: JSON.stringify(child),
    spawn: startRole,
    log,
    drainLimit: config.drainDelay + config.grace + DRAIN_SLACK,
  });
  const terminate = () => supervisor.terminate();
  process.on("SIGTERM", terminate);
  process.on("SIGINT", terminate);
  void leash?.then(terminate);
  const reaping = process.pid === 1 ? await reapOrphans(supervisor) : undefined;
  supervisor.start();
  const code = await supervisor.finished;
  clearInterval(reaping);
  process.off("SIGTERM", terminate);
  process.off("SIGINT", terminate);
  lock.release();
  return code;
}

async function reapOrphans(supervisor: Supervisor): Promise<Timer | undefined> {
  const { orphanReaper } = await import("./reap.ts");
  const reap = orphanReaper((pid) => supervisor.owns(pid));
  return reap && setInterval(reap, REAP_INTERVAL);
}
