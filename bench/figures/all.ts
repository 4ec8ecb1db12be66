import { connections } from "./connections.ts";
import { cpu } from "./cpu.ts";
import type { Figure } from "./figure.ts";
import { idleMemory } from "./idle-memory.ts";
import { latency } from "./latency.ts";
import { policy } from "./policy.ts";
import { redis } from "./redis.ts";
import { relays } from "./relays.ts";
import { requests } from "./requests.ts";
import { connectionsShape } from "./shapes/connections.ts";
import { decisionsShape } from "./shapes/decisions.ts";
import { idleShape } from "./shapes/idle.ts";
import { importsShape } from "./shapes/imports.ts";
import { policiesShape } from "./shapes/policies.ts";
import { sizesShape } from "./shapes/sizes.ts";
import { startup } from "./startup.ts";
import { throughput } from "./throughput.ts";
import { wanDownload } from "./wan-download.ts";
import { wanFirstByte } from "./wan-first-byte.ts";
import { wanLoss } from "./wan-loss.ts";
import { wanPing } from "./wan-ping.ts";

/** Every figure, in the order in which they are measured and shown. */
export const FIGURES: readonly Figure[] = [
  throughput(1),
  throughput(4),
  cpu,
  connections(32),
  requests(1),
  requests(32),
  requests(256),
  latency,
  redis,
  idleMemory(5_000),
  relays,
  policy,
  startup,
  wanFirstByte,
  wanDownload,
  wanLoss("wan-loss-1", 1),
  wanLoss("wan-loss-8", 8),
  wanLoss("wan-shares", 8, 100),
  wanPing(7),
  connectionsShape,
  idleShape,
  sizesShape,
  decisionsShape,
  policiesShape,
  importsShape,
];
