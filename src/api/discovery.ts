/** Discovery: what kubectl reads to know which kinds there are (`/api`, `/apis`), plain and aggregated. */
import { KIND_NAMES, KINDS } from "../resources/kinds.ts";
import { API_VERSION, GROUP, VERSION } from "../resources/meta.ts";
import { parseAccept } from "./negotiate.ts";
import { ApiError } from "./status-error.ts";

const VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
const STATUS_VERBS = ["get", "patch", "update"];
const NAMESPACE_VERBS = ["create", "get", "list", "patch"];
const GROUP_VERSION = { groupVersion: API_VERSION, version: VERSION };

/** `/api`: the versions of the core group, of which only namespaces are here. */
const CORE_VERSIONS = {
  kind: "APIVersions",
  versions: ["v1"],
  serverAddressByClientCIDRs: [],
};

/** `/api/v1`. */
export const CORE_RESOURCES = {
  kind: "APIResourceList",
  groupVersion: "v1",
  resources: [
    {
      name: "namespaces",
      singularName: "namespace",
      namespaced: false,
      kind: "Namespace",
      verbs: NAMESPACE_VERBS,
      shortNames: ["ns"],
    },
  ],
};

const GROUP_ENTRY = { name: GROUP, versions: [GROUP_VERSION], preferredVersion: GROUP_VERSION };

/** `/apis`. */
export const GROUPS = { kind: "APIGroupList", apiVersion: "v1", groups: [GROUP_ENTRY] };

/** `/apis/clusterlink.net`. */
export const GROUP_DOCUMENT = { kind: "APIGroup", apiVersion: "v1", ...GROUP_ENTRY };

/** `/apis/clusterlink.net/v1alpha1`. */
export const GROUP_RESOURCES = {
  kind: "APIResourceList",
  apiVersion: "v1",
  groupVersion: API_VERSION,
  resources: KIND_NAMES.flatMap((kind) => {
    const { plural, singular, shortNames, categories, namespaced } = KINDS[kind];
    return [
      { name: plural, singularName: singular, namespaced, kind, verbs: VERBS, shortNames, categories },
      { name: `${plural}/status`, singularName: "", namespaced, kind, verbs: STATUS_VERBS },
    ];
  }),
};

const CORE_AGGREGATED = [
  {
    metadata: { name: "", creationTimestamp: null },
    versions: [
      {
        version: "v1",
        resources: [
          {
            resource: "namespaces",
            responseKind: { group: "", version: "v1", kind: "Namespace" },
            scope: "Cluster",
            singularResource: "namespace",
            verbs: NAMESPACE_VERBS,
            shortNames: ["ns"],
          },
        ],
        freshness: "Current",
      },
    ],
  },
];

const GROUPS_AGGREGATED = [
  {
    metadata: { name: GROUP, creationTimestamp: null },
    versions: [
      {
        version: VERSION,
        resources: KIND_NAMES.map((kind) => {
          const { plural, singular, shortNames, categories, namespaced } = KINDS[kind];
          const responseKind = { group: GROUP, version: VERSION, kind };
          return {
            resource: plural,
            responseKind,
            scope: namespaced ? "Namespaced" : "Cluster",
            singularResource: singular,
            verbs: VERBS,
            shortNames,
            categories,
            subresources: [{ subresource: "status", responseKind, verbs: STATUS_VERBS }],
          };
        }),
        freshness: "Current",
      },
    ],
  },
];

export interface DiscoveryAnswer {
  contentType: string;
  body: object;
}

/**
 * @param root which of the two roots is asked for
 * @returns the root in the form that the client prefers: aggregated (v2 or v2beta1) or plain
 * @throws {ApiError} 406 when it accepts neither
 */
export function discoveryRoot(root: "api" | "apis", accept: string | undefined): DiscoveryAnswer {
  for (const { type, parameters } of parseAccept(accept)) {
    if (!["application/json", "application/*", "*/*"].includes(type)) continue;
    const { as, g, v } = parameters;
    if (as === undefined) return { contentType: "application/json", body: root === "api" ? CORE_VERSIONS : GROUPS };
    if (as !== "APIGroupDiscoveryList" || g !== "apidiscovery.k8s.io" || (v !== "v2" && v !== "v2beta1")) continue;
    return {
      contentType: `application/json;g=apidiscovery.k8s.io;v=${v};as=APIGroupDiscoveryList`,
      body: {
        kind: "APIGroupDiscoveryList",
        apiVersion: `apidiscovery.k8s.io/${v}`,
        metadata: {},
        items: root === "api" ? CORE_AGGREGATED : GROUPS_AGGREGATED,
      },
    };
  }
  throw new ApiError("NotAcceptable", "discovery is sent as application/json, plain or as an APIGroupDiscoveryList");
}
