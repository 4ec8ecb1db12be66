/**
 * The OpenAPI v3 documents that kubectl reads: for `explain`, and to learn which query parameters a kind's operations
 * take (without that it falls back to OpenAPI v2 in protobuf).
 */
import { KIND_NAMES, KINDS, type KindName } from "../resources/kinds.ts";
import { API_VERSION, GROUP, VERSION } from "../resources/meta.ts";
import { type JsonSchema, metadataSchema, structuralSchema } from "../resources/schema.ts";

const BASE = `/apis/${API_VERSION}`;
const META = "io.k8s.apimachinery.pkg.apis.meta.v1";
const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });
const schemaName = (kind: string) => `net.clusterlink.${VERSION}.${kind}`;

interface Parameter {
  name: string;
  in: "query" | "path";
  description: string;
  required?: true;
  schema: { type: "string" | "integer" | "boolean"; enum?: string[] };
}

function query(
  name: string,
  description: string,
  type: "string" | "integer" | "boolean" = "string",
  values?: string[],
): Parameter {
  return { name, in: "query", description, schema: { type, ...(values === undefined ? {} : { enum: values }) } };
}

const NAME: Parameter = {
  name: "name",
  in: "path",
  required: true,
  description: "Name of the object.",
  schema: { type: "string" },
};
const NAMESPACE: Parameter = {
  name: "namespace",
  in: "path",
  required: true,
  description: "Namespace of the object.",
  schema: { type: "string" },
};
const DRY_RUN = query("dryRun", "Judge and answer, but store nothing.", "string", ["All"]);
const WRITE = [
  DRY_RUN,
  query("fieldManager", "Who writes; required for an apply patch."),
  query("fieldValidation", "What becomes of unknown fields. Default: Strict.", "string", ["Strict", "Warn", "Ignore"]),
];
const FORCE = query("force", "Take over fields of other managers; apply patches only.", "boolean");
const LIST = [
  query("labelSelector", "Selects by labels."),
  query("fieldSelector", "Selects by metadata.name or metadata.namespace."),
  query("limit", "The most objects to return.", "integer"),
  query("continue", "Where the list before ended."),
  query("resourceVersion", "The version to list at, or to watch from."),
  query("resourceVersionMatch", "How resourceVersion is meant.", "string", ["Exact", "NotOlderThan"]),
  query("watch", "Stream changes.", "boolean"),
  query("allowWatchBookmarks", "Send bookmarks.", "boolean"),
  query("sendInitialEvents", "Begin a watch with all objects.", "boolean"),
  query("timeoutSeconds", "When a watch ends.", "integer"),
];
const PATCHES = ["application/json-patch+json", "application/merge-patch+json", "application/apply-patch+yaml"];
const BODIES = ["application/json", "application/yaml"];

type Method = "get" | "post" | "put" | "patch" | "delete";
interface Action {
  method: Method;
  action: "get" | "list" | "post" | "put" | "patch" | "delete" | "deletecollection";
  parameters: Parameter[];
  body?: string[];
  list?: true;
}

const OBJECT_ACTIONS: Action[] = [
  { method: "get", action: "get", parameters: [] },
  { method: "put", action: "put", parameters: WRITE, body: BODIES },
  { method: "patch", action: "patch", parameters: [...WRITE, FORCE], body: PATCHES },
];
const DELETE: Action = { method: "delete", action: "delete", parameters: [DRY_RUN] };
const COLLECTION_ACTIONS: Action[] = [
  { method: "get", action: "list", parameters: LIST, list: true },
  { method: "post", action: "post", parameters: WRITE, body: BODIES },
  { method: "delete", action: "deletecollection", parameters: [DRY_RUN, ...LIST.slice(0, 2)] },
];

function operation(kind: KindName, path: string, { method, action, parameters, body, list }: Action) {
  const schema = ref(schemaName(list ? `${kind}List` : kind));
  return {
    operationId: `${action} ${path}`.replaceAll(/[^A-Za-z]+(.)?/g, (_, next: string | undefined) =>
      (next ?? "").toUpperCase(),
    ),
    tags: [`${GROUP}_${VERSION}`],
    description: `${action} ${KINDS[kind].plural}`,
    parameters,
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: content(body, method === "patch" ? {} : schema) } }),
    responses: {
      "200": { description: "OK", content: content(BODIES, schema) },
      "401": { description: "Unauthorized" },
    },
    "x-kubernetes-action": action,
    "x-kubernetes-group-version-kind": { group: GROUP, version: VERSION, kind },
  };
}

function content(types: readonly string[], schema: object): Record<string, object> {
  return Object.fromEntries(types.map((type) => [type, { schema }]));
}

function pathItem(kind: KindName, path: string, actions: readonly Action[], parameters: Parameter[]): [string, object] {
  const operations = actions.map((action) => [action.method, operation(kind, path, action)] as const);
  return [path, { ...Object.fromEntries(operations), parameters }];
}

function pathsOf(kind: KindName): [string, object][] {
  const { plural, namespaced } = KINDS[kind];
  const collection = namespaced ? `${BASE}/namespaces/{namespace}/${plural}` : `${BASE}/${plural}`;
  const scope = namespaced ? [NAMESPACE] : [];
  return [
    pathItem(kind, collection, COLLECTION_ACTIONS, scope),
    pathItem(kind, `${collection}/{name}`, [...OBJECT_ACTIONS, DELETE], [...scope, NAME]),
    pathItem(kind, `${collection}/{name}/status`, OBJECT_ACTIONS, [...scope, NAME]),
    ...(namespaced ? [pathItem(kind, `${BASE}/${plural}`, COLLECTION_ACTIONS.slice(0, 1), [])] : []),
  ];
}

function schemasOf(kind: KindName): [string, object][] {
  const { properties, ...schema } = structuralSchema(kind);
  const gvk = (name: string) => ({
    "x-kubernetes-group-version-kind": [{ group: GROUP, version: VERSION, kind: name }],
  });
  const metadata = { allOf: [ref(`${META}.ObjectMeta`)], description: "Standard object metadata.", default: {} };
  const items = { type: "array", items: ref(schemaName(kind)), description: `The ${KINDS[kind].plural}.` };
  const { apiVersion, kind: kindText } = properties ?? {};
  return [
    [
      schemaName(kind),
      { ...withAtomicLists(schema), properties: { ...mapAtomic(properties ?? {}), metadata }, ...gvk(kind) },
    ],
    [
      schemaName(`${kind}List`),
      {
        type: "object",
        description: `A list of ${KINDS[kind].plural}.`,
        required: ["items"],
        properties: { apiVersion, kind: kindText, metadata: { allOf: [ref(`${META}.ListMeta`)], default: {} }, items },
        ...gvk(`${kind}List`),
      },
    ],
  ];
}

/** This API merges lists as a whole, whatever a CRD of the same kind says. */
function withAtomicLists(schema: JsonSchema): JsonSchema {
  const { "x-kubernetes-list-map-keys": _, ...kept } = schema;
  return {
    ...kept,
    ...(kept.type === "array" ? { "x-kubernetes-list-type": "atomic" } : {}),
    ...(kept.properties === undefined ? {} : { properties: mapAtomic(kept.properties) }),
    ...(kept.items === undefined ? {} : { items: withAtomicLists(kept.items) }),
    ...(kept.additionalProperties === undefined
      ? {}
      : { additionalProperties: withAtomicLists(kept.additionalProperties) }),
  };
}

function mapAtomic(properties: Record<string, JsonSchema>): Record<string, JsonSchema> {
  return Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, withAtomicLists(schema)]));
}

const LIST_META = {
  type: "object",
  description: "What every list has.",
  properties: {
    continue: { type: "string", description: "Where the next page begins." },
    remainingItemCount: { type: "integer", format: "int64", description: "How many objects are left." },
    resourceVersion: { type: "string", description: "The version that the list was read at." },
  },
};

/** @returns the document of `clusterlink.net/v1alpha1`. */
export function groupDocument(version: string): object {
  return {
    openapi: "3.0.0",
    info: { title: "ClusterLink", version },
    paths: Object.fromEntries(KIND_NAMES.flatMap(pathsOf)),
    components: {
      schemas: Object.fromEntries([
        ...KIND_NAMES.flatMap(schemasOf),
        [`${META}.ObjectMeta`, withAtomicLists(metadataSchema())],
        [`${META}.ListMeta`, LIST_META],
      ]),
    },
  };
}

/** @returns the document of the core group, which has nothing but namespaces to read. */
export function coreDocument(version: string): object {
  const gvk = { group: "", version: "v1", kind: "Namespace" };
  const read = (action: string, path: string) => ({
    operationId: `${action}CoreV1Namespace`,
    description: `${action} namespaces`,
    responses: {
      "200": { description: "OK", content: content(["application/json"], ref("io.k8s.api.core.v1.Namespace")) },
    },
    "x-kubernetes-action": action,
    "x-kubernetes-group-version-kind": gvk,
    ...(path.endsWith("}") ? { parameters: [NAME] } : {}),
  });
  const [list, one] = ["/api/v1/namespaces", "/api/v1/namespaces/{name}"] as const;
  return {
    openapi: "3.0.0",
    info: { title: "ClusterLink", version },
    paths: { [list]: { get: read("list", list) }, [one]: { get: read("get", one) } },
    components: {
      schemas: {
        "io.k8s.api.core.v1.Namespace": {
          type: "object",
          description: "A namespace exists as soon as an object names it.",
          properties: {
            apiVersion: { type: "string" },
            kind: { type: "string" },
            metadata: { allOf: [ref(`${META}.ObjectMeta`)], default: {} },
          },
          "x-kubernetes-group-version-kind": [gvk],
        },
        [`${META}.ObjectMeta`]: withAtomicLists(metadataSchema()),
      },
    },
  };
}
