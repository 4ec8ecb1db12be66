import { describe, expect, test } from "bun:test";
import {
  ConfigError,
  type FlagValues,
  GATEWAY_FLAGS,
  type GatewayFlag,
  parseGatewayConfig,
} from "../../src/process/config.ts";

function faultsOf(flags: FlagValues, env: Record<string, string> = {}): readonly string[] {
  try {
    parseGatewayConfig(flags, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
}

describe("the configuration of a gateway", () => {
  test("without flags and variables has the defaults of a container", () => {
    const config = parseGatewayConfig({}, {});
    expect(config).toMatchObject({
      listen: { host: "::", port: 8443 },
      pki: {
        ca: "/etc/clusterlink/pki/ca.pem",
        cert: "/etc/clusterlink/pki/cert.pem",
        key: "/etc/clusterlink/pki/key.pem",
      },
      state: "/var/lib/clusterlink",
      namespace: "clusterlink-system",
      peerLabels: {},
      importAddress: "::",
      apiSocket: "/var/lib/clusterlink/api.sock",
      exposeApi: false,
      grace: 25_000,
      drainDelay: 0,
      handshakeTimeout: 5_000,
      openTimeout: 10_000,
      dialTimeout: 5_000,
      identityMaxAge: 300_000,
      logLevel: "info",
    });
    expect(config.relays).toBeGreaterThanOrEqual(1);
    expect(config.relays).toBeLessThanOrEqual(4);
    expect(config).not.toHaveProperty("manifests");
    expect(config).not.toHaveProperty("apiListen");
  });

  test("takes a variable where there is no flag, and the flag where there are both", () => {
    const env = { CLUSTERLINK_RELAYS: "3", CLUSTERLINK_GRACE: "1m30s", CLUSTERLINK_EXPOSE_API: "true" };
    expect(parseGatewayConfig({}, env)).toMatchObject({ relays: 3, grace: 90_000, exposeApi: true });
    expect(parseGatewayConfig({ relays: "2", exposeApi: false }, env)).toMatchObject({ relays: 2, exposeApi: false });
  });

  test("counts an empty variable as absent, and an empty flag as a fault", () => {
    expect(parseGatewayConfig({}, { CLUSTERLINK_STATE: "" }).state).toBe("/var/lib/clusterlink");
    expect(faultsOf({ state: "" })).toEqual(["--state: is empty; give it a value or leave it out"]);
  });

  test("takes the last value of a flag that was given again", () => {
    expect(parseGatewayConfig({ relays: ["wrong", "2"] }, {}).relays).toBe(2);
  });

  test("collects peer labels from flags, or from one variable with commas", () => {
    expect(parseGatewayConfig({ peerLabel: ["a=1", "example.com/b=x"] }, {}).peerLabels).toEqual({
      a: "1",
      "example.com/b": "x",
    });
    expect(parseGatewayConfig({}, { CLUSTERLINK_PEER_LABEL: "a=1, b=" }).peerLabels).toEqual({ a: "1", b: "" });
  });

  test("lets the three certificate flags outrank the folder's variable, and the folder's flag their variables", () => {
    const files = { ca: "/c", cert: "/d", key: "/e" };
    expect(parseGatewayConfig(files, { CLUSTERLINK_PKI: "/x" }).pki).toEqual(files);
    expect(parseGatewayConfig({ pki: "/x" }, { CLUSTERLINK_CA: "/c" }).pki.ca).toBe("/x/ca.pem");
  });

  test("without --kubernetes has no part of Kubernetes, and with it obeys the administrators of all namespaces", () => {
    expect(parseGatewayConfig({}, {})).not.toHaveProperty("kubernetes");
    expect(parseGatewayConfig({ kubernetes: true }, {}).kubernetes).toEqual({ privilegedPolicies: true });
  });

  test("takes what belongs to Kubernetes from flags and variables", () => {
    const flags = { kubernetes: true, kubeconfig: "/k", context: "east", watchNamespace: "shop" };
    const env = { CLUSTERLINK_PRIVILEGED_POLICIES: "false" };
    expect(parseGatewayConfig(flags, env).kubernetes).toEqual({
      kubeconfig: "/k",
      context: "east",
      watchNamespace: "shop",
      privilegedPolicies: false,
    });
  });

  test("reports every fault at once, each with the flag's name", () => {
    const faults = faultsOf(
      { listen: "nonsense", relays: "0", grace: "5", peerLabel: ["novalue"], logLevel: "loud" },
      { CLUSTERLINK_NAMESPACE: "Big", CLUSTERLINK_EXPOSE_API: "maybe" },
    );
    const names = faults.map((fault) => fault.split(":")[0]).sort();
    expect(names).toEqual([
      "--grace",
      "--listen",
      "--log-level",
      "--peer-label",
      "--relays",
      "CLUSTERLINK_EXPOSE_API (--expose-api)",
      "CLUSTERLINK_NAMESPACE (--namespace)",
    ]);
  });

  const refused: [rule: string, flags: FlagValues, fault: RegExp][] = [
    ["a port of 0", { listen: "[::]:0" }, /^--listen: .*1–65535/],
    ["an unbracketed IPv6 address with a port", { listen: "::1:8443" }, /^--listen: .*\[::\]:8443/],
    ["an IPv4 address in brackets", { listen: "[127.0.0.1]:8443" }, /^--listen: .*HOST:PORT/],
    ["a host name as the import address", { importAddress: "localhost" }, /^--import-address: .*IP address/],
    ["one port for peers and API", { apiListen: "127.0.0.1:8443" }, /^--api-listen: port 8443/],
    ["the folder together with files", { pki: "/p", ca: "/c", cert: "/d", key: "/e" }, /^--pki: excludes/],
    ["one certificate file without the others", { cert: "/d", key: "/e" }, /^--ca: is missing/],
    ["a socket path that the kernel would refuse", { apiSocket: `/${"s".repeat(107)}` }, /^--api-socket: .*107 bytes/],
    [
      "a state folder whose sockets the kernel would refuse",
      { state: `/${"s".repeat(100)}`, apiSocket: "/a" },
      /^--state/,
    ],
    ["a handshake without time", { handshakeTimeout: "0" }, /^--handshake-timeout: .*too short/],
    ["a duration of weeks", { grace: "600h" }, /^--grace: .*24h/],
    ["a kubeconfig without Kubernetes", { kubeconfig: "/k" }, /^--kubeconfig: needs --kubernetes/],
    ["a context without Kubernetes", { context: "c" }, /^--context: needs --kubernetes/],
    ["one namespace to watch without Kubernetes", { watchNamespace: "shop" }, /^--watch-namespace: needs --kubernetes/],
    [
      "to do without privileged policies on a site of its own",
      { privilegedPolicies: false },
      /^--no-privileged-policies: needs --kubernetes/,
    ],
    [
      "to do without privileged policies in a whole cluster",
      { kubernetes: true, privilegedPolicies: false },
      /^--no-privileged-policies: needs --watch-namespace/,
    ],
    [
      "a folder of manifests in Kubernetes",
      { kubernetes: true, manifests: "/m" },
      /^--manifests: excludes --kubernetes/,
    ],
    ["a namespace that cannot be", { kubernetes: true, watchNamespace: "Big" }, /^--watch-namespace: "Big"/],
    ["a label value that Kubernetes refuses", { peerLabel: "a=b c" }, /^--peer-label: "a=b c"/],
  ];
  test.each(refused)("refuses %s", (_rule, flags, fault) => {
    const faults = faultsOf(flags);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(fault);
  });

  test.each([
    ["500ms", 500],
    ["25s", 25_000],
    ["1m30s", 90_000],
    ["1.5h", 5_400_000],
    ["0", 0],
  ])("reads the duration %s", (text, milliseconds) => {
    expect(parseGatewayConfig({ grace: text }, {}).grace).toBe(milliseconds);
  });

  test.each([
    [":9000", { host: "::", port: 9000 }],
    ["127.0.0.1:9000", { host: "127.0.0.1", port: 9000 }],
    ["[::1]:9000", { host: "::1", port: 9000 }],
    ["localhost:9000", { host: "localhost", port: 9000 }],
  ])("reads the address %s", (text, address) => {
    expect(parseGatewayConfig({ listen: text }, {}).listen).toEqual(address);
  });
});

describe("the table of flags", () => {
  test("names each flag by its key in kebab case and its variable by its name", () => {
    const flags: [string, GatewayFlag<unknown>][] = Object.entries(GATEWAY_FLAGS);
    for (const [key, flag] of flags) {
      const kebab = key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
      expect(flag.name).toBe(flag.default === "true" ? `--no-${kebab}` : `--${kebab}`);
      expect(flag.env).toBe(`CLUSTERLINK_${kebab.replaceAll("-", "_").toUpperCase()}`);
    }
  });
});
