/** A gateway that speaks HTTP/1.1 only, written in Go (see ./go): built once, run as a process for each test file. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CertificateEntry } from "../../src/snapshot/tables.ts";

export interface OldGatewayConfig {
  certificates: CertificateEntry;
  /** Of the peer port. */
  port: number;
  exports?: Record<string, number>;
  /** Local port → where it leads. */
  imports?: Record<number, { peer: string; port: number; export: string }>;
  /** Clients with this `app` label are denied. */
  denied?: string;
}

/** Builds and starts one. @returns what ends it. */
export async function oldGateway(config: OldGatewayConfig): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), "old-gateway-"));
  const program = join(folder, "oldgateway");
  const cwd = join(import.meta.dir, "go");
  const build = Bun.spawn(["go", "build", "-o", program, "."], { cwd, stderr: "inherit" });
  if ((await build.exited) !== 0) throw new Error("the old gateway cannot be built");
  const gateway = Bun.spawn([program], { stdin: "pipe", stdout: "pipe", stderr: "ignore" });
  const { name, ca, cert, key } = config.certificates;
  const imports = Object.entries(config.imports ?? {}).map(([port, from]) => [
    `127.0.0.1:${port}`,
    { Peer: from.peer, Gateway: `127.0.0.1:${from.port}`, Export: from.export },
  ]);
  const exports = Object.entries(config.exports ?? {}).map(([one, port]) => [one, `127.0.0.1:${port}`]);
  const json = {
    Name: name,
    CA: ca,
    Cert: cert,
    Key: key,
    Listen: `127.0.0.1:${config.port}`,
    Exports: Object.fromEntries(exports),
    Imports: Object.fromEntries(imports),
    Labels: { generation: "old" },
    Denied: config.denied ?? "",
  };
  gateway.stdin.write(`${JSON.stringify(json)}\n`);
  await gateway.stdin.flush();
  const { value } = await gateway.stdout.getReader().read();
  if (Buffer.from(value ?? []).toString() !== "ready\n") throw new Error("the old gateway does not start");
  return async () => {
    await gateway.stdin.end();
    await gateway.exited;
    rmSync(folder, { recursive: true });
  };
}
