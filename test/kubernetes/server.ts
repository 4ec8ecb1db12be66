import { afterAll, beforeAll, beforeEach, describe, test } from "bun:test";
import { MET, missing, type Requirement, requiresShared } from "../requires.ts";
import { type ApiServer, startApiServer } from "./api-server.ts";
import { realServer, startRealServer } from "./envtest.ts";
import type { OutageServer, TestServer } from "./test-server.ts";

export type { ApiServer, Recorded } from "./api-server.ts";
export { clientFor, kubeconfigText, type TestServer } from "./test-server.ts";

/**
 * Runs the same tests against both API servers; where there is no real one, those against it are visibly skipped, see
 * {@link requiresRealServer}. Before each test the server is made empty.
 * @param define - defines tests; `server()` works within them and their hooks
 */
export function suite(name: string, define: (server: () => TestServer) => void, options: RealOptions = {}): void {
  onTestApiServer(name, define);
  onRealApiServer(name, define, options);
}

interface RealOptions {
  /** The real server is one that no other tests use: for tests that leave more behind than is soon removed. */
  own?: boolean;
}

/** Runs tests against the API server of the tests only, which fails on demand. */
export function onTestApiServer(name: string, define: (server: () => ApiServer) => void): void {
  describe(`${name}, on the API server of the tests`, () => {
    let running: ApiServer | undefined;
    beforeAll(async () => {
      running = await startApiServer();
    });
    afterAll(() => running?.stop());
    withReset(() => running, define);
  });
}

/** How long a real server may take to start, milliseconds. */
const START_TIMEOUT = 90_000;

/**
 * What a real API server needs: its programs, in the folder that `KUBEBUILDER_ASSETS` names.
 * @throws {Error} where none is named, though they can be built here, and `CLUSTERLINK_TEST_REQUIRE=all` forbids skipping
 */
export function requiresRealServer(): Requirement {
  if (process.env["KUBEBUILDER_ASSETS"]) return MET;
  const builder = requiresShared("k8s/envtest");
  return builder.skip ? builder : missing("KUBEBUILDER_ASSETS is not set");
}

/** Runs tests against a real API server only. */
export function onRealApiServer(
  name: string,
  define: (server: () => TestServer) => void,
  { own = false }: RealOptions = {},
): void {
  const { skip, reason } = requiresRealServer();
  if (skip) {
    // Without the real API server the report still names each suite that did not run, and why.
    test.skip(`${name}, on a real API server ${reason}`, () => {});
    return;
  }
  describe(`${name}, on a real API server`, () => {
    let running: OutageServer | undefined;
    beforeAll(async () => {
      running = await (own ? startRealServer() : realServer());
    }, START_TIMEOUT);
    afterAll(() => (own ? running?.stop() : undefined));
    withReset(() => running, define);
  });
}

function withReset<S extends TestServer>(running: () => S | undefined, define: (server: () => S) => void): void {
  const server = () => {
    const found = running();
    if (!found) throw new Error("the server runs only within tests");
    return found;
  };
  beforeEach(() => server().reset());
  define(server);
}
