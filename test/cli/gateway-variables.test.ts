import { expect, test } from "bun:test";
import { mistypedVariables } from "../../src/cli/gateway-variables.ts";
import { GATEWAY_FLAGS } from "../../src/process/flags.ts";

const known = Object.values(GATEWAY_FLAGS).map((flag) => flag.env);
const found = (...names: string[]) => mistypedVariables(Object.fromEntries(names.map((name) => [name, "x"])), known);

test.each([
  ["CLUSTERLINK_LISTN", "CLUSTERLINK_LISTEN"],
  ["CLUSTERLINK_PEER_LABELS", "CLUSTERLINK_PEER_LABEL"],
  ["CLUSTERLINK_EXPOSEAPI", "CLUSTERLINK_EXPOSE_API"],
  ["CLUSTERLINK_RELYAS", "CLUSTERLINK_RELAYS"],
])("%s is mistyped for %s", (given, meant) => expect(found(given)).toEqual([{ given, meant }]));

test("the gateway's own variables are right", () => expect(found(...known)).toEqual([]));

test("variables of other commands are left alone", () => {
  const others = ["SERVER", "TOKEN", "TLS_SERVER_NAME", "PROBE_LISTEN", "TEST_REQUIRE", "K8S_STATE"];
  expect(found(...others.map((name) => `CLUSTERLINK_${name}`))).toEqual([]);
});

test("variables that Kubernetes makes of a Service 'clusterlink' are left alone", () => {
  const port = "PORT_8443_TCP";
  const names = ["PORT", "SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_PEER", port];
  const all = [...names, `${port}_ADDR`, `${port}_PORT`, `${port}_PROTO`, "OPERATOR_SERVICE_HOST"];
  expect(found(...all.map((name) => `CLUSTERLINK_${name}`))).toEqual([]);
});
