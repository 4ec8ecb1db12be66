/** Gateways as real processes, for tests: the executable where it is built, else from source. */
import "reflect-metadata";
import { afterEach } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { issueFabric, issuePeer } from "../../src/pki/issue.ts";
import type { SiteStatus } from "../../src/snapshot/status.ts";

const ROOT = join(import.meta.dir, "..", "..");
const EXECUTABLE = join(ROOT, "dist", "clusterlink");

/** Whether the executable has been built from the sources as they are. */
function isBuilt(): boolean {
  if (!existsSync(EXECUTABLE)) return false;
  const built = statSync(EXECUTABLE).mtimeMs;
  return [...new Bun.Glob("src/**/*.ts").scanSync({ cwd: ROOT })].every(
    (path) => statSync(join(ROOT, path)).mtimeMs < built,
  );
}

/** The words that start the program. */
export const PROGRAM = isBuilt() ? [EXECUTABLE] : [process.execPath, join(ROOT, "src", "main.ts")];

const fabric = await issueFabric({ name: "fabric" });

function ignore(): void {
  // Bytes that no test looks at.
}

/** @returns a port that was free a moment ago. */
export function freePort(): number {
  const probe = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: ignore } });
  const { port } = probe;
  probe.stop(true);
  return port;
}

/** Waits until something holds, and fails when it does not within so many milliseconds. */
export async function until(condition: () => unknown, limit = 10_000): Promise<void> {
  const end = Date.now() + limit;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`waited in vain for ${condition}`);
    await Bun.sleep(10);
  }
}

/** @returns the processes whose parent is `pid`, by their command line. */
export function childrenOf(pid: number): Map<string, number> {
  const found = new Map<string, number>();
  for (const entry of new Bun.Glob("[0-9]*").scanSync({ cwd: "/proc", onlyFiles: false })) {
    const stat = read(`/proc/${entry}/stat`);
    const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
    if (parent === pid) found.set(read(`/proc/${entry}/cmdline`).split("\0").join(" ").trim(), Number(entry));
  }
  return found;
}

export function isAlive(pid: number): boolean {
  const stat = read(`/proc/${pid}/stat`);
  return stat !== "" && !/^Z/.test(stat.slice(stat.lastIndexOf(")") + 2));
}

/** @returns the process group of a process. */
export function groupOf(pid: number): number {
  const stat = read(`/proc/${pid}/stat`);
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[2]);
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** What a gateway may take to be ready on a machine that is busy with others, milliseconds. */
const START_LIMIT = 30_000;

/** A site's folder with certificates, and the gateways that are started on it. */
export class GatewaySite {
  readonly folder = mkdtempSync(join(tmpdir(), "gateway-"));
  readonly state = join(this.folder, "state");
  readonly pki = join(this.folder, "pki");
  readonly port = freePort();
  readonly #started: Bun.Subprocess[] = [];

  static async create(name = "east"): Promise<GatewaySite> {
    const site = new GatewaySite();
    const { cert, key } = await issuePeer({ name }, fabric);
    mkdirSync(site.pki);
    for (const [file, text] of Object.entries({ ca: fabric.cert, cert, key })) {
      writeFileSync(join(site.pki, `${file}.pem`), text);
    }
    return site;
  }

  /** Replaces certificate and key by new ones of the same fabric, file by file, as an administrator would. */
  async renew(name: string): Promise<void> {
    const { cert, key } = await issuePeer({ name }, fabric);
    for (const [file, text] of Object.entries({ cert, key })) writeFileSync(join(this.pki, `${file}.pem`), text);
  }

  /** Starts a gateway in a process group of its own, with two relays unless `flags` say otherwise. */
  start(flags: string[] = [], env: Record<string, string> = {}) {
    const words = ["gateway", "--pki", this.pki, "--state", this.state, "--listen", `127.0.0.1:${this.port}`];
    const child = Bun.spawn(["setsid", ...PROGRAM, ...words, "--relays", "2", ...flags], {
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
      env: { ...process.env, ...env },
    });
    this.#started.push(child);
    return child;
  }

  async startReady(flags: string[] = [], env: Record<string, string> = {}) {
    const child = this.start(flags, env);
    await this.ready();
    return child;
  }

  /** Waits until both relays are up to date and the site is ready. */
  async ready(): Promise<void> {
    await until(async () => {
      const status = await this.status();
      return status?.ready && status.relays.length === 2 && status.relays.every(({ lag }) => lag === 0);
    }, START_LIMIT);
  }

  async status(): Promise<SiteStatus | undefined> {
    return (await this.request("GET", "/status").catch(() => undefined))?.json() as Promise<SiteStatus | undefined>;
  }

  request(method: string, path: string, body?: object): Promise<Response> {
    return fetch(`http://site${path}`, {
      method,
      unix: join(this.state, "api.sock"),
      headers: { "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  /** Creates an Import of nothing on that port. */
  createImport(name: string, port: number): Promise<Response> {
    return this.request("POST", "/apis/clusterlink.net/v1alpha1/namespaces/default/imports", {
      apiVersion: "clusterlink.net/v1alpha1",
      kind: "Import",
      metadata: { name },
      spec: { port, sources: [] },
    });
  }

  /** Kills what was started here. */
  async stop(): Promise<void> {
    for (const child of this.#started.splice(0)) {
      const children = [...childrenOf(child.pid).values()];
      child.kill("SIGKILL");
      await child.exited;
      await until(() => children.every((pid) => !isAlive(pid)));
    }
  }

  /** Ends what was started here, and removes the folder. */
  async close(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** @returns whether something listens on that port, be it to reset the connection at once. */
export async function accepts(port: number): Promise<boolean> {
  try {
    const socket = await Bun.connect({ hostname: "127.0.0.1", port, socket: { data: ignore } });
    socket.terminate();
    return true;
  } catch (error) {
    return !(error instanceof Error && "code" in error && error.code === "ECONNREFUSED");
  }
}

/** @returns what makes a site that is closed after the test; to be called once a file, outside of the tests. */
export function sitesOfTests(): () => Promise<GatewaySite> {
  const sites: GatewaySite[] = [];
  afterEach(async () => {
    for (const site of sites.splice(0)) await site.close();
  });
  return async () => {
    const site = await GatewaySite.create();
    sites.push(site);
    return site;
  };
}
