import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { crdFiles, drift } from "../../scripts/crds.ts";
import { CRD_KINDS, customResourceDefinition } from "../../src/resources/crd.ts";
import { instanceSpec } from "../../src/resources/instance.ts";
import { KIND_NAMES, KINDS, type KindName } from "../../src/resources/kinds.ts";
import { type JsonSchema, metadataSchema, structuralSchema } from "../../src/resources/schema.ts";
import { parseManifest } from "../../src/store/manifest-text.ts";

const MANIFESTS = join(import.meta.dir, "..", "..", "manifests");

const every: [KindName][] = [...KIND_NAMES, "Instance" as const].map((kind) => [kind]);

/** Every schema in a schema, with its path. */
function* nodes(schema: JsonSchema, path = ""): Generator<[string, JsonSchema]> {
  yield [path, schema];
  for (const [name, each] of Object.entries(schema.properties ?? {})) yield* nodes(each, `${path}.${name}`);
  if (schema.items) yield* nodes(schema.items, `${path}[]`);
  if (schema.additionalProperties) yield* nodes(schema.additionalProperties, `${path}{}`);
}

test("manifests/crds is what the schemas say; after a change run scripts/crds.ts", async () => {
  expect(await drift(join(MANIFESTS, "crds"))).toEqual([]);
});

test("a file reads back as the definition that it was written from", () => {
  const read = [...crdFiles().values()].map((text) => Bun.YAML.parse(text));
  expect(read).toEqual(JSON.parse(JSON.stringify(CRD_KINDS.map(customResourceDefinition))));
});

test("a kind that only a standalone site has gets no CRD", () => {
  expect(CRD_KINDS).toEqual(["Peer", "Export", "Import", "AccessPolicy", "PrivilegedAccessPolicy", "Instance"]);
});

describe("a schema is structural", () => {
  const allowed = new Set([
    "type",
    "description",
    "format",
    "pattern",
    "enum",
    "default",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "properties",
    "required",
    "items",
    "additionalProperties",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-validations",
  ]);

  test.each(every)("of %s: every node has a type and known keywords only", (kind) => {
    for (const [path, node] of [...nodes(structuralSchema(kind)), ...nodes(metadataSchema())]) {
      expect([path, typeof node.type]).toEqual([path, "string"]);
      expect([path, ...Object.keys(node).filter((key) => !allowed.has(key))]).toEqual([path]);
      expect([path, node.properties !== undefined && node.additionalProperties !== undefined]).toEqual([path, false]);
    }
  });

  test.each(every)("of %s: every field has a description", (kind) => {
    const bare = [...nodes(structuralSchema(kind))]
      .filter(
        ([path, { description }]) =>
          !path.endsWith("[]") && !path.endsWith("{}") && path !== ".metadata" && !description,
      )
      .map(([path]) => path);
    expect(bare).toEqual([]);
  });

  test.each(every)("of %s: a caller may change what it got", (kind) => {
    const schema = structuralSchema(kind);
    schema.properties = {};
    expect(Object.keys(structuralSchema(kind).properties ?? {})).toContain("spec");
  });

  test("required and default are those of ClusterLink's own definitions", () => {
    const spec = (kind: KindName) => structuralSchema(kind).properties?.spec;
    expect(spec("Import")?.required).toEqual(["port", "sources"]);
    expect(spec("Import")?.properties?.lbScheme?.default).toBe("round-robin");
    expect(spec("Export")?.required).toEqual(["port"]);
    expect(spec("Peer")?.required).toEqual(["gateways"]);
    expect(spec("AccessPolicy")?.required).toEqual(["action", "from", "to"]);
  });
});

describe("names", () => {
  test("plural, singular and short names are each used once", () => {
    const names = every.flatMap(([kind]) => [KINDS[kind].plural, KINDS[kind].singular, ...KINDS[kind].shortNames]);
    expect(new Set(names).size).toBe(names.length);
  });

  test.each(every)("of %s: the kind is in its category, and Age is its last column", (kind) => {
    expect(KINDS[kind].categories).toEqual(["clusterlink"]);
    expect(KINDS[kind].columns.at(-1)?.name).toBe("Age");
  });
});

describe("manifests/samples", () => {
  const folder = join(MANIFESTS, "samples");
  /** Without the operator's, which no gateway reads. */
  const files = readdirSync(folder).filter((name) => name !== "instance.yaml");

  test("instance.yaml is valid", () => {
    const instance = Bun.YAML.parse(readFileSync(join(folder, "instance.yaml"), "utf8"));
    expect(instance).toMatchObject({ apiVersion: "clusterlink.net/v1alpha1", kind: "Instance" });
    expect(instanceSpec.safeParse((instance as { spec: unknown }).spec).error).toBeUndefined();
  });

  test.each(files.map((name) => [name]))("%s is valid", (name) => {
    const read = parseManifest(readFileSync(join(folder, name), "utf8"), "yaml", { namespace: "clusterlink-system" });
    expect(read).toMatchObject({ ok: true, objects: [{ kind: expect.any(String) }] });
  });

  test("has one file a kind", () => {
    expect(files.sort()).toEqual(KIND_NAMES.map((kind) => `${KINDS[kind].singular}.yaml`).sort());
  });
});
