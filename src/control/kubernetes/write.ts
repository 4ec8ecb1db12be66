import type { KubeObject, KubeResource, ObjectName } from "../../store/kubernetes/resource.ts";

/**
 * One write to one object. A patch and a deletion name the version that they rest on: whoever changed the object
 * meanwhile is not overruled unseen.
 */
export type Write =
  | { verb: "create"; resource: KubeResource; object: KubeObject; why: string }
  | { verb: "patch"; resource: KubeResource; object: ObjectName; patch: object; why: string }
  | {
      verb: "delete";
      resource: KubeResource;
      object: ObjectName;
      preconditions?: { uid?: string; resourceVersion?: string };
      why: string;
    };

/** @returns the creation of an object; `why` is for people. */
export function creation<T extends KubeObject>(resource: KubeResource<T>, object: T, why: string): Write {
  return { verb: "create", resource, object, why };
}

/** @returns a merge patch (RFC 7386) of this version of the object. */
export function mergePatch<T extends KubeObject>(
  resource: KubeResource<T>,
  { metadata }: T,
  patch: { metadata?: object; [field: string]: unknown },
  why: string,
): Write {
  const { name, namespace, resourceVersion } = metadata;
  const versioned = { ...patch, metadata: { ...patch.metadata, resourceVersion } };
  return { verb: "patch", resource, object: { name, namespace }, patch: versioned, why };
}

/** @returns the deletion of this version of the object. */
export function deletion<T extends KubeObject>(resource: KubeResource<T>, { metadata }: T, why: string): Write {
  const { name, namespace, uid, resourceVersion } = metadata;
  return {
    verb: "delete",
    resource,
    object: { name, namespace },
    preconditions: {
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    },
    why,
  };
}
