import { describe, expect, test } from "bun:test";
import { checkServed, findKind, findKinds, qualifiedName, resourcePath } from "../../src/cli/kind.ts";

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
  expect(findKinds("imports,peer", "unix").map((one) => one.kind)).toEqual(["Import", "Peer"]);
  expect(findKinds("ALL", "unix").map((one) => one.kind)).toContain("PrivilegedAccessPolicy");
});

describe("only a kind that is served there can be asked for:", () => {
  test("a cluster has no Workloads, and 'all' is without them", () => {
    expect(findKinds("all", "https").map((one) => one.kind)).toContain("Workload");
    expect(findKinds("all", "cluster").map((one) => one.kind)).not.toContain("Workload");
    expect(() => checkServed(findKind("workload"), "cluster")).toThrow(/a cluster has no workloads.*--server/);
  });
  test("a site without Kubernetes has no Instances", () => {
    expect(() => checkServed(findKind("instance"), "unix")).toThrow(/has no instances.*--server kubernetes/);
    expect(() => checkServed(findKind("instance"), "cluster")).not.toThrow();
  });
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
    for (const name of [".", ".."]) {
      expect(() => resourcePath(findKind("import"), "shop", name)).toThrow(`'${name}' is no name`);
      expect(() => resourcePath(findKind("import"), name, "web")).toThrow(`'${name}' is no name`);
    }
  });
});

test("an object is called as kubectl calls it", () => {
  expect(qualifiedName(findKind("AccessPolicy"), "allow")).toBe("accesspolicy.clusterlink.net/allow");
});
