import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { resolveServer } from "../../src/cli/server.ts";
import { issueFabric } from "../../src/pki/issue.ts";

describe("the server is", () => {
  test("the default socket when nothing names another", () => {
    expect(resolveServer({}, {})).toEqual({ kind: "unix", path: "/var/lib/clusterlink/api.sock" });
  });
  test("that of the variable before the default", () => {
    expect(resolveServer({}, { CLUSTERLINK_SERVER: "unix:/a/b.sock" })).toEqual({ kind: "unix", path: "/a/b.sock" });
  });
  test("that of the option before the variable", () => {
    const target = resolveServer({ server: "unix:/o.sock" }, { CLUSTERLINK_SERVER: "unix:/v.sock" });
    expect(target).toEqual({ kind: "unix", path: "/o.sock" });
  });
  test("the default when the variable is empty", () => {
    expect(resolveServer({}, { CLUSTERLINK_SERVER: "" })).toMatchObject({ path: "/var/lib/clusterlink/api.sock" });
  });
  test("that of the gateway which has the same variables", () => {
    const state = { CLUSTERLINK_STATE: "/srv/state" };
    expect(resolveServer({}, state)).toMatchObject({ path: "/srv/state/api.sock" });
    expect(resolveServer({}, { ...state, CLUSTERLINK_API_SOCKET: "/run/api" })).toMatchObject({ path: "/run/api" });
    expect(resolveServer({}, { ...state, CLUSTERLINK_SERVER: "unix:/a" })).toMatchObject({ path: "/a" });
  });
  test("a socket relative to the current folder", () => {
    expect(resolveServer({ server: "unix:state/api.sock" }, {})).toMatchObject({
      path: join(process.cwd(), "state/api.sock"),
    });
  });
  test("a socket written as a URL", () => {
    expect(resolveServer({ server: "unix:///run/a.sock" }, {})).toMatchObject({ path: "/run/a.sock" });
  });
  test("an https origin with token and name from the variables", () => {
    const environment = { CLUSTERLINK_TOKEN: "t", CLUSTERLINK_TLS_SERVER_NAME: "berlin" };
    expect(resolveServer({ server: "https://[::1]:8443/" }, environment)).toEqual({
      kind: "https",
      url: "https://[::1]:8443",
      token: "t",
      serverName: "berlin",
    });
  });
});

describe("refused is", () => {
  const cases = [
    ["plain HTTP", "http://localhost:1", /plain HTTP/],
    ["a bare host", "localhost:8443", /no address of a gateway/],
    ["a path", "https://localhost/api", /more than a host and a port/],
    ["a user in the address", "https://u@localhost", /more than a host and a port/],
    ["a socket without a path", "unix:", /'unix:' names no file/],
    ["an empty address", " ", /no address of a gateway/],
  ] as const;
  test.each(cases)("%s", (_rule, server, message) => expect(() => resolveServer({ server }, {})).toThrow(message));

  test("a CA that cannot be read, by its option and the system's code", () => {
    const options = { server: "https://localhost", ca: "/nowhere/ca.pem" };
    expect(() => resolveServer(options, {})).toThrow("--ca '/nowhere/ca.pem' cannot be read (ENOENT)");
  });
});

test("the CA is read from its file, which must have a certificate", async () => {
  const folder = mkdtempSync(join(tmpdir(), "clusterlink-"));
  const ca = join(folder, "ca.pem");
  try {
    const { cert } = await issueFabric({ name: "shop" });
    writeFileSync(ca, cert);
    expect(resolveServer({ server: "https://h", ca }, {})).toMatchObject({ ca: cert });
    writeFileSync(ca, "kind: Peer");
    expect(() => resolveServer({ server: "https://h", ca }, {})).toThrow(`--ca '${ca}' has no PEM certificate`);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
