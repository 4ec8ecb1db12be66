/** How every pod of ours runs: what Kubernetes calls the restricted profile, and a root file system that is read-only. */

/** The image's user and group. */
const USER = 65532;

/** `securityContext` of a pod. The group lets the user read the files of Secrets. */
export const POD_SECURITY = {
  runAsNonRoot: true,
  runAsUser: USER,
  runAsGroup: USER,
  fsGroup: USER,
  fsGroupChangePolicy: "OnRootMismatch",
  seccompProfile: { type: "RuntimeDefault" },
};

/** `securityContext` of a container. */
export const CONTAINER_SECURITY = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ["ALL"] },
};
