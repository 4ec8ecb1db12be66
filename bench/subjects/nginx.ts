import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { EXPORTING, IMPORTING, type Lab } from "../lab.ts";
import { formatAddress } from "../ports.ts";
import { findProgram, versionOf } from "../programs.ts";
import { startPair } from "./pair.ts";
import type { Commands, Route, Subject } from "./subject.ts";

/** Where Debian's libnginx-mod-stream puts it; a build with `--with-stream` needs none. */
const MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so";

/** @returns nginx's stream proxy on both sides, or why it cannot be measured. */
export function nginx(): Subject | string {
  const executable = findProgram("nginx");
  if (executable === undefined) return "nginx is not installed";
  const version = versionOf(executable, "-v");
  const { stderr } = Bun.spawnSync([executable, "-V"], { stdin: "ignore" });
  const builtIn = /--with-stream(\s|$)/.test(stderr.toString());
  if (!builtIn && !existsSync(MODULE)) return "its stream module (libnginx-mod-stream) is not installed";
  const commands: Commands = (site, routes, lab) => {
    const folder = lab.folder("nginx");
    const servers = routes.map(site === IMPORTING ? importing(lab) : exporting(lab)).join("");
    const file = join(folder, "nginx.conf");
    writeFileSync(file, `${builtIn ? "" : `load_module ${MODULE};\n`}${base(lab, folder)}stream {${servers}}\n`);
    return [[executable, "-p", folder, "-c", file, "-e", "stderr"]];
  };
  return { name: "nginx", role: "peer", version, commands, start: (lab) => startPair("nginx", lab, commands) };
}

function base({ workers }: Lab, folder: string): string {
  return `daemon off;
pid ${folder}/nginx.pid;
worker_processes ${workers};
worker_rlimit_nofile 20000;
events { worker_connections 12000; }
`;
}

function importing({ certificates }: Lab) {
  const { ca, cert, key } = certificates[IMPORTING];
  return ({ entry, between }: Route) => `
  server {
    listen ${formatAddress(entry)} reuseport;
    proxy_pass ${formatAddress(between)};
    proxy_ssl on;
    proxy_ssl_protocols TLSv1.2 TLSv1.3;
    proxy_ssl_certificate ${cert};
    proxy_ssl_certificate_key ${key};
    proxy_ssl_trusted_certificate ${ca};
    proxy_ssl_verify on;
    proxy_ssl_name ${EXPORTING};
    proxy_ssl_server_name on;
    proxy_timeout 1h;
  }
`;
}

function exporting({ certificates }: Lab) {
  const { ca, cert, key } = certificates[EXPORTING];
  return ({ between, backend }: Route) => `
  server {
    listen ${formatAddress(between)} ssl reuseport;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_certificate ${cert};
    ssl_certificate_key ${key};
    ssl_client_certificate ${ca};
    ssl_verify_client on;
    proxy_pass ${formatAddress(backend)};
    proxy_timeout 1h;
  }
`;
}
