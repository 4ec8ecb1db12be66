import { Relay } from "../relay/relay.ts";
import type { ToControl, ToRelay } from "../snapshot/messages.ts";
import { createAccessLog } from "../telemetry/access-log.ts";
import { createLogger } from "../telemetry/log.ts";
import { readChildInput } from "./child-protocol.ts";
import { channelSocketPath } from "./config.ts";
import { ignoreSignals } from "./ignore-signals.ts";
import { ReconnectingChannel } from "./reconnecting-channel.ts";
import { connectChannel } from "./unix-channel.ts";

/** How long a relay that is to end at once may take to reset its connections, milliseconds. */
const STOP_LIMIT = 500;

/** How long the access log's reader may take at the end, milliseconds. */
const FLUSH_LIMIT = 500;

/**
 * Runs relay `index` in this process, until the supervisor tells it to end or is gone.
 *
 * @returns the exit code.
 */
export async function runRelay(index: number): Promise<number> {
  ignoreSignals();
  const input = await readChildInput();
  const { gateway } = input.config;
  const log = createLogger({
    level: gateway.logLevel,
    format: gateway.logFormat,
    fields: { role: "relay", relay: index },
  });
  const accessLog = createAccessLog();
  const path = channelSocketPath(gateway.state);
  const channel = new ReconnectingChannel<ToControl, ToRelay>({
    connect: () =>
      connectChannel(path, (error) =>
        log.error("what control said could not be handled; asking for all of it", { error }),
      ),
    greets: (message) => message.type === "hello",
    onLost: () => relay.loseControl(),
    onFailure: (error) => log.debug("control cannot be reached; trying again", { error }),
  });
  const relay = new Relay(channel, { index, count: gateway.relays, log, accessLog });
  const stopped = Promise.withResolvers<number>();
  const stop = () => {
    channel.inject({ type: "drain", delay: 0, grace: 0 });
    setTimeout(() => stopped.resolve(0), STOP_LIMIT);
  };
  input.onCommand((command) => {
    if (command === "drain") channel.inject({ type: "drain", delay: gateway.drainDelay, grace: gateway.grace });
    else stop();
  });
  relay.start();
  channel.start();
  const code = await Promise.race([relay.finished, stopped.promise]);
  channel.close();
  await accessLog.flush(FLUSH_LIMIT);
  return code;
}
