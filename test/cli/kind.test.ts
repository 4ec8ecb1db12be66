import { describe, expect, test } from "bun:test";
import { findKind, findKinds, qualifiedName, resourcePath } from "../../src/cli/kind.ts";

describe("a kind is found by", () => {
  const cases = [
    ["its kind", "Import", "Import"],
    ["its singular", "import", "Import"],
    ["its plural", "accesspolicies", "AccessPolicy"],
    ["any case", "ACCESSPOLICIES", "AccessPolicy"],
    ["its plural and group", "peers.clusterlink.net", "Peer"],
    ["its plural, version and group", "peers.v1alpha1.clusterlink.net", "Peer"],
  ] as const;
  test.each(cases)("%s", (_rule, word, kind) => expect(findKind(word).kind).toBe(kind));
});

test("a kind that is unknown is a usage error that lists the kinds", () => {
  expect(() => findKind("frobs")).toThrow(/'frobs' is no kind: use one of peers, exports, imports/);
  expect(() => findKind("")).toThrow(/is no kind/);
});

test("several kinds are parted by commas, and 'all' is every kind", () => {
  expect(findKinds("imports,peer").map((one) => one.kind)).toEqual(["Import", "Peer"]);
  expect(findKinds("ALL").map((one) => one.kind)).toContain("PrivilegedAccessPolicy");
});

describe("the path of", () => {
  const root = "/apis/clusterlink.net/v1alpha1";
  test("an object names its namespace", () => {
    expect(resourcePath(findKind("import"), "shop", "web")).toBe(`${root}/namespaces/shop/imports/web`);
  });
  test("a collection of every namespace names none", () => {
    expect(resourcePath(findKind("import"))).toBe(`${root}/imports`);
  });
  test("a cluster-scoped object has no namespace, even if one is given", () => {
    expect(resourcePath(findKind("privilegedaccesspolicy"), "shop", "p")).toBe(`${root}/privilegedaccesspolicies/p`);
  });
  test("a name cannot leave its place", () => {
    expect(resourcePath(findKind("import"), "a/b", "../x")).toBe(`${root}/namespaces/a%2Fb/imports/..%2Fx`);
  });
});

test("an object is called as kubectl calls it", () => {
  expect(qualifiedName(findKind("AccessPolicy"), "allow")).toBe("accesspolicy.clusterlink.net/allow");
});
