import { describe, expect, test } from "bun:test";
import { explainQuery } from "../../src/cli/explain.ts";

describe("explain asks", () => {
  test("about a client by its address", () => {
    expect(explainQuery({ client: "[fd00::1]", import: "shop/web" })).toEqual({
      side: "client",
      import: "shop/web",
      client: { address: "fd00::1" },
    });
  });
  test("about a client by attributes, short or in full", () => {
    const client = "namespace=shop,labels.app=cart,client.clusterlink.net/labels.tier=a=b";
    expect(explainQuery({ client, import: "web" })).toEqual({
      side: "client",
      import: "default/web",
      client: {
        attributes: {
          "client.clusterlink.net/namespace": "shop",
          "client.clusterlink.net/labels.app": "cart",
          "client.clusterlink.net/labels.tier": "a=b",
        },
      },
    });
  });
  test("about a peer whose client is unidentified when none is given", () => {
    expect(explainQuery({ peer: "oslo", export: "shop/web" })).toEqual({
      side: "server",
      export: "shop/web",
      peer: "oslo",
      client: { attributes: {} },
    });
  });
});

describe("explain refuses", () => {
  test.each([
    ["no question", {}, "explain what?"],
    ["an import without a client", { import: "a/b" }, "--import needs --client"],
    ["an export without a peer", { export: "a/b" }, "explain what?"],
    ["both sides at once", { client: "::1", import: "a/b", peer: "p" }, "either --client and --import"],
    ["an attribute without a key", { client: "=x", import: "a/b" }, "'=x', which is no KEY=VALUE"],
    [
      "an import without a name",
      { client: "::1", import: "shop/" },
      "--import 'shop/' is no name: write NAMESPACE/NAME",
    ],
    ["an export with too much of a name", { peer: "p", export: "a/b/c" }, "--export 'a/b/c' is no name"],
    ["a client that is no address", { client: "999.1.1.1", import: "a/b" }, "--client '999.1.1.1' is no IP address"],
    ["an attribute that no client has", { client: "namespace=a,app=b", import: "a/b" }, "'app', which is no attribute"],
    ["a label without a key", { client: "namespace=a,labels.=b", import: "a/b" }, "'labels.', which is no attribute"],
    ["attributes without a namespace", { client: "labels.app=b", import: "a/b" }, "add namespace=NAMESPACE"],
  ] as const)("%s", (_rule, options, message) => expect(() => explainQuery(options)).toThrow(message));
});
