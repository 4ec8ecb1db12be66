/** A wide-area link between two network namespaces, one for each site; `wan` beside this checkout emulates it. */
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Child, Children } from "./children.ts";
import { EXPORTING, IMPORTING, type Lab, type Place } from "./lab.ts";
import { findProgram, program } from "./programs.ts";
import { until } from "./waiting.ts";

const CLIENT = join(import.meta.dir, "wan-client.ts");

/** The addresses that `wan` gives its ends, by the flag that names the end's namespace. */
const HOSTS = { east: "10.99.0.1", west: "10.99.0.2" } as const;

/** The first build of the emulator compiles Go's library. */
const READY_LIMIT = 60_000;

/** A link that works until it is closed. */
export interface WanLink {
  readonly places: Lab["places"];
  /** Ends the emulator and removes both namespaces. What was started in them has to be ended first. */
  close(): Promise<void>;
}

/** @returns why there can be no link on this machine, or undefined when there can. */
export function missingForLink(): string | undefined {
  if (process.getuid?.() !== 0) return "network namespaces need root";
  if (!existsSync(join(sources(), "main.go"))) {
    return `the link's emulator is not in ${sources()} (BENCH_WAN may name its folder)`;
  }
  if (!existsSync("/dev/net/tun")) return "there is no /dev/net/tun";
  const missing = ["go", "ip"].find((name) => findProgram(name) === undefined);
  return missing && `${missing} is not installed`;
}

/**
 * Makes two namespaces and the link between them.
 * @param settings - as the emulator has them: `delay=25ms` (each way), `loss=1` (percent, each way), …
 * @throws {Error} with what went wrong; nothing is left then
 */
export async function openLink(children: Children, settings: readonly string[]): Promise<WanLink> {
  const executable = join(children.folder, "wan");
  if (!existsSync(executable)) {
    await children.run([program("go"), "build", "-C", sources(), "-buildvcs=false", "-o", executable, "."]);
  }
  const [east, west] = [IMPORTING, EXPORTING].map((site) => `clusterlink-bench-${process.pid}-${site}`) as [
    string,
    string,
  ];
  const file = join(children.folder, "wan.settings");
  const flags = ["--east", east, "--west", west, "--settings", file];
  const emulator = children.start("wan", [executable, "up", ...flags, ...settings]);
  const close = async () => {
    await children.end(emulator);
    // It removes them itself unless it was killed.
    for (const namespace of [east, west].filter(exists)) Bun.spawnSync([program("ip"), "netns", "del", namespace]);
  };
  try {
    await until("the link is ready", () => isReady(children, emulator), READY_LIMIT);
    return {
      places: {
        [IMPORTING]: place(children, east, HOSTS.east),
        [EXPORTING]: place(children, west, HOSTS.west),
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function sources(): string {
  return resolve(process.env["BENCH_WAN"] || join(import.meta.dir, "..", "..", "shared", "wan"));
}

function isReady(children: Children, emulator: Child): boolean {
  children.expectRunning(emulator);
  return readFileSync(emulator.log, "utf8").includes("ready");
}

function exists(namespace: string): boolean {
  return existsSync(join("/run/netns", namespace));
}

function place(children: Children, namespace: string, host: string): Place {
  const within = (command: readonly string[]) => [program("ip"), "netns", "exec", namespace, ...command];
  return {
    host,
    within,
    async accepts({ host, port }) {
      const answer = await children.run(within([process.execPath, CLIENT, "probe", host, String(port)]));
      return answer === "true\n";
    },
  };
}
