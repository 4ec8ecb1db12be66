/** Runs a program in a container through the API server, as `kubectl exec` does, without its standard input. */
import type { Connection } from "../store/kubernetes/connection.ts";
import { CliError } from "./errors.ts";

export interface PodPlace {
  namespace: string;
  pod: string;
  container: string;
}

export interface ExecResult {
  stdout: string;
  stderr: string;
  /** 0 where it ended well. */
  exitCode: number;
}

/** Kubernetes' remote command protocol: the first byte of a message is its channel. */
const PROTOCOL = "v4.channel.k8s.io";
const CHANNEL = { stdout: 1, stderr: 2, status: 3 } as const;

interface ExecStatus {
  status?: string;
  message?: string;
  details?: { causes?: { reason?: string; message?: string }[] };
}

/**
 * @param timeout - in milliseconds.
 * Throws a CliError when the program cannot be run, or has not ended in time.
 */
export async function execInPod(
  connection: Connection,
  place: PodPlace,
  command: readonly string[],
  timeout: number,
): Promise<ExecResult> {
  const { headers, tls, proxy } = await connection.credentials();
  const options = { protocols: [PROTOCOL], headers, tls, ...(proxy === undefined ? {} : { proxy }) };
  // The constructor's second argument is Bun's; the type is the browsers'.
  const socket: WebSocket = Reflect.construct(WebSocket, [execUrl(connection.server, place, command), options]);
  socket.binaryType = "arraybuffer";
  const output = { stdout: [] as Buffer[], stderr: [] as Buffer[], status: [] as Buffer[] };
  socket.onmessage = ({ data }) => {
    if (!(data instanceof ArrayBuffer)) return;
    const bytes = Buffer.from(data);
    if (bytes[0] === CHANNEL.stdout) output.stdout.push(bytes.subarray(1));
    if (bytes[0] === CHANNEL.stderr) output.stderr.push(bytes.subarray(1));
    if (bytes[0] === CHANNEL.status) output.status.push(bytes.subarray(1));
  };
  const ended = Promise.withResolvers<string | undefined>();
  let why: string | undefined;
  socket.onerror = (event) => {
    why = "message" in event ? String(event.message) : "the connection broke";
  };
  socket.onclose = () => ended.resolve(why);
  const timer = setTimeout(() => {
    why = `no answer within ${timeout} ms`;
    socket.close();
    ended.resolve(why);
  }, timeout);
  const failure = await ended.promise;
  clearTimeout(timer);
  const status = Buffer.concat(output.status).toString();
  if (status === "") {
    throw new CliError(
      "unreachable",
      `no program can be run in pod ${place.namespace}/${place.pod}: ${failure ?? "no status"}`,
    );
  }
  return {
    stdout: Buffer.concat(output.stdout).toString(),
    stderr: Buffer.concat(output.stderr).toString(),
    exitCode: exitCodeOf(JSON.parse(status) as ExecStatus, place),
  };
}

function execUrl(server: string, { namespace, pod, container }: PodPlace, command: readonly string[]): string {
  const query = new URLSearchParams({ container, stdout: "true", stderr: "true" });
  for (const word of command) query.append("command", word);
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(pod)}/exec`;
  return `${server.replace(/^http/, "ws")}${path}?${query}`;
}

function exitCodeOf({ status, message, details }: ExecStatus, { namespace, pod }: PodPlace): number {
  if (status === "Success") return 0;
  const code = Number(details?.causes?.find(({ reason }) => reason === "ExitCode")?.message);
  if (Number.isInteger(code)) return code;
  throw new CliError("unreachable", `pod ${namespace}/${pod} does not run it: ${message ?? "no reason is told"}`);
}
