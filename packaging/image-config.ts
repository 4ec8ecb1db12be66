/** How containers of the image run. */
import { EXECUTABLE_PATH, IMAGE_USER } from "./image-files.ts";
import type { Stamp } from "./stamp.ts";
import type { Target } from "./target.ts";

const SECOND = 1_000_000_000;

const COMMAND = `/${EXECUTABLE_PATH}`;

/** The probe: the executable asks its own site. */
const HEALTH = { test: ["CMD", COMMAND, "status", "--ready"], interval: 10, timeout: 5, start: 2, retries: 3 };

/** Variables of the image. The second keeps Bun from sending reports of crashes. */
const VARIABLES = { PATH: "/usr/bin", DO_NOT_TRACK: "1" };

function labels(stamp: Stamp): Record<string, string> {
  return {
    "org.opencontainers.image.title": "clusterlink",
    "org.opencontainers.image.description": "A multicluster service gateway",
    "org.opencontainers.image.version": stamp.version,
    "org.opencontainers.image.revision": stamp.commit,
    "org.opencontainers.image.licenses": "Apache-2.0",
  };
}

/**
 * Builds the image's configuration (OCI image specification 1.1, `config.md`), with Docker's `Healthcheck` added.
 *
 * @param layers - digests of the uncompressed layers, lowest first, each `sha256:…`.
 */
export function imageConfig(arch: Target["arch"], stamp: Stamp, layers: readonly string[]): object {
  const created = new Date(stamp.epoch * 1000).toISOString();
  return {
    created,
    architecture: arch === "x64" ? "amd64" : "arm64",
    ...(arch === "arm64" ? { variant: "v8" } : {}),
    os: "linux",
    config: {
      User: `${IMAGE_USER}:${IMAGE_USER}`,
      ExposedPorts: { "8443/tcp": {} },
      Env: Object.entries(VARIABLES).map(([name, value]) => `${name}=${value}`),
      Entrypoint: [COMMAND],
      Cmd: ["gateway"],
      Volumes: { "/var/lib/clusterlink": {} },
      WorkingDir: "/",
      StopSignal: "SIGTERM",
      Labels: labels(stamp),
      Healthcheck: {
        Test: HEALTH.test,
        Interval: HEALTH.interval * SECOND,
        Timeout: HEALTH.timeout * SECOND,
        StartPeriod: HEALTH.start * SECOND,
        Retries: HEALTH.retries,
      },
    },
    rootfs: { type: "layers", diff_ids: layers },
    history: layers.map(() => ({ created, created_by: "compile.ts --image" })),
  };
}

/** Writes the Dockerfile of a folder that holds `rootfs/` and `state/`; it says what {@link imageConfig} says. */
export function dockerfile(stamp: Stamp): string {
  const entries = (table: Record<string, string>) =>
    Object.entries(table)
      .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
      .join(" \\\n    ");
  return `FROM scratch
COPY rootfs/ /
COPY --chown=${IMAGE_USER}:${IMAGE_USER} state/ /var/lib/clusterlink/
ENV ${entries(VARIABLES)}
LABEL ${entries(labels(stamp))}
USER ${IMAGE_USER}:${IMAGE_USER}
WORKDIR /
EXPOSE 8443/tcp
VOLUME ["/var/lib/clusterlink"]
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=${HEALTH.interval}s --timeout=${HEALTH.timeout}s --start-period=${HEALTH.start}s --retries=${HEALTH.retries} CMD ${JSON.stringify(HEALTH.test.slice(1))}
ENTRYPOINT ${JSON.stringify([COMMAND])}
CMD ["gateway"]
`;
}
