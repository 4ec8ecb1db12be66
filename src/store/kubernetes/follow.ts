import type { Logger } from "../../telemetry/log.ts";
import { backoff } from "../backoff.ts";
import type { KubeClient } from "./client.ts";
import { deadline } from "./deadline.ts";
import { KubeApiError } from "./error.ts";
import type { Selection, WatchFrame } from "./requests.ts";
import { type KubeObject, type KubeResource, resourceName } from "./resource.ts";
import type { Timing } from "./timing.ts";

export interface FollowOptions<T extends KubeObject> {
  client: Pick<KubeClient, "watch">;
  resource: KubeResource<T>;
  selection: Selection;
  /** Events after this version are delivered. */
  resourceVersion: string;
  signal: AbortSignal;
  timing: Timing;
  log: Logger;
  /**
   * A watch that says nothing for so many milliseconds is begun anew, since nobody can tell whether there is anybody at
   * the other end. That is no failure: an API server sends no bookmark of a resource that it has seen no change of, and
   * if it is gone, the new watch fails. Default: 150 s; where there are bookmarks they come about every 60 s.
   */
  inactivity?: number;
  /** Called when a watch broke and is tried again. */
  onFailure?: (error: unknown) => void;
  /** Called when the server has begun to answer a watch, which may be long before it has anything to tell. */
  onOpen?: () => void;
}

const INACTIVITY = 150_000;
const BACKOFF = { first: 200, longest: 30_000 };

/** How long the server is asked to keep a watch: 5 to 10 minutes, so that many do not end together. */
const KEEP_SECONDS = 300;

/**
 * A watch that ended sooner counts as failed, so that a server which ends them at once is not asked without a pause. One
 * that was open for so long worked, whether or not there was anything to tell: what failed before it does not count any
 * more. A load balancer that cuts quiet connections must not make the pauses grow. Milliseconds.
 */
export const SHORT_WATCH = 1_000;

/**
 * Every change after a version, once and in order, across any number of watches: each goes on where the one before
 * ended. Ends when the signal aborts.
 * Throws KubeApiError `Expired` when the version is no longer retained.
 */
export async function* follow<T extends KubeObject>(options: FollowOptions<T>): AsyncGenerator<WatchFrame<T>> {
  const { resource, signal, timing, log, onFailure } = options;
  const place = { resourceVersion: options.resourceVersion, failures: 0 };
  while (!signal.aborted) {
    try {
      yield* watchOnce(options, place);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof KubeApiError && error.code === "Expired") throw error;
      if (error instanceof Silence) {
        log.debug(`the watch of ${resourceName(resource)} is begun anew: ${error.message}`);
        continue;
      }
      place.failures++;
      onFailure?.(error);
      log.warn(`the watch of ${resourceName(resource)} broke and goes on from where it was`, { error });
    }
    if (place.failures > 0) await timing.sleep(retryDelay(place.failures, timing), signal);
  }
}

interface Place {
  resourceVersion: string;
  failures: number;
}

/** One watch; moves the place forward with every frame. */
async function* watchOnce<T extends KubeObject>(
  options: FollowOptions<T>,
  place: Place,
): AsyncGenerator<WatchFrame<T>> {
  const { client, resource, selection, signal, timing, onOpen, inactivity = INACTIVITY } = options;
  const began = timing.now();
  const limit = deadline(inactivity, signal);
  const timeoutSeconds = Math.round(KEEP_SECONDS * (1 + timing.random()));
  let opened: number | undefined;
  let heard = false;
  const lived = () => opened !== undefined && timing.now() - opened >= SHORT_WATCH;
  const watch = {
    ...selection,
    resourceVersion: place.resourceVersion,
    timeoutSeconds,
    signal: limit.signal,
    onOpen() {
      opened = timing.now();
      onOpen?.();
    },
  };
  try {
    for await (const frame of client.watch(resource, watch)) {
      limit.renew();
      if (signal.aborted) return;
      heard = true;
      place.failures = 0;
      place.resourceVersion = versionOf(frame);
      yield frame;
    }
    if (!heard && timing.now() - began < SHORT_WATCH) place.failures++;
  } catch (error) {
    const silent = limit.passed && opened !== undefined;
    throw silent ? new Silence(`it said nothing for ${inactivity} ms`, { cause: error }) : error;
  } finally {
    limit.end();
    if (lived()) place.failures = 0;
  }
}

/** A watch that the server had begun to answer, and then said nothing. */
class Silence extends Error {}

/** @returns how long to wait before the next try, milliseconds. */
export function retryDelay(failures: number, { random }: Pick<Timing, "random">): number {
  return backoff(failures, { ...BACKOFF, random });
}

function versionOf<T extends KubeObject>(frame: WatchFrame<T>): string {
  return frame.type === "BOOKMARK" ? frame.resourceVersion : (frame.object.metadata.resourceVersion ?? "");
}
