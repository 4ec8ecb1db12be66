/** The services behind the proxies. None of them is what limits a figure. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../test/free-port.ts";
import type { Children } from "./children.ts";
import type { Addresses, Place, Service } from "./lab.ts";
import { type Address, formatAddress } from "./ports.ts";
import { findProgram } from "./programs.ts";
import { until } from "./waiting.ts";

const HOLDER = join(import.meta.dir, "holder.ts");

/** Of what `/bytes/SIZE` answers. */
export const RESPONSE_SIZES = [64, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576] as const;

/** What each service is started with; undefined where its program is missing. */
const COMMANDS: Record<Service, (folder: string, address: Address) => string[] | undefined> = {
  http(folder, address) {
    const nginx = findProgram("nginx");
    if (nginx === undefined) return undefined;
    // On a link there is another one, beside that on the loopback interface.
    const own = join(folder, `http-${address.port}`);
    mkdirSync(join(own, "bytes"), { recursive: true });
    for (const size of RESPONSE_SIZES) writeFileSync(join(own, "bytes", String(size)), "x".repeat(size));
    writeFileSync(join(own, "http.conf"), httpServer(own, address));
    return [nginx, "-p", own, "-c", join(own, "http.conf"), "-e", "stderr"];
  },
  iperf3(_, { host, port }) {
    const iperf3 = findProgram("iperf3");
    return iperf3 === undefined ? undefined : [iperf3, "--server", "--bind", host, "--port", String(port)];
  },
  redis(folder, { host, port }) {
    const redis = findProgram("redis-server");
    return redis === undefined
      ? undefined
      : [redis, "--bind", host, "--port", String(port), "--save", "", "--dir", folder];
  },
  echo: (_, { host, port }) => [process.execPath, HOLDER, "echo", host, String(port)],
};

/**
 * Starts those services whose programs are installed.
 * @param ports - where they must listen; a free port is taken for the others
 * @param place - the exporting site's, which they listen in
 */
export async function startBackends(
  children: Children,
  services: readonly Service[],
  ports: Readonly<Partial<Record<Service, number>>>,
  place: Place,
): Promise<Addresses> {
  const started = services.map(async (service) => {
    const address = { host: place.host, port: ports[service] ?? freePort() };
    const command = COMMANDS[service](children.folder, address);
    if (command === undefined) return [];
    const child = children.start(`${service}-service`, place.within(command));
    await until(`the ${service} service listens`, () => {
      children.expectRunning(child);
      return place.accepts(address);
    });
    return [[service, address]];
  });
  return Object.fromEntries((await Promise.all(started)).flat());
}

/** An nginx that answers with a few bytes, or as many as it is asked for, and never closes a connection by itself. */
function httpServer(folder: string, address: Address): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  // Started by root, it would read the files as somebody who may not.
  const user = process.getuid?.() === 0 ? "user root;\n" : "";
  return `daemon off;
${user}pid ${folder}/http.pid;
worker_processes auto;
worker_rlimit_nofile 16384;
events { worker_connections 8192; }
http {
  access_log off;
  sendfile on;
  open_file_cache max=100 inactive=1h;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
${temporary.map((name) => `  ${name}_temp_path ${folder}/${name};`).join("\n")}
  server {
    listen ${formatAddress(address)} backlog=4096 reuseport;
    location / { default_type text/plain; return 200 "what it says does not matter\\n"; }
    location /bytes/ { root ${folder}; }
  }
}
`;
}
