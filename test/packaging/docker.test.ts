/** The image does what the README, the archive and the compose file say, on a real Docker engine. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import { hostTarget } from "../../packaging/target.ts";
import { requires } from "../requires.ts";
import { type DockerEngine, engineRequirement, startEngine } from "./docker-engine.ts";

const root = join(import.meta.dir, "..", "..");
const { arch } = hostTarget();
const GREETING = "Good morning from east";
const LIMIT_MS = 180_000;

/** Only root may look from inside a container's network. */
const isRoot = process.getuid?.() === 0;

const engineThere = engineRequirement();
const kubectl = requires("kubectl");
const compose = requires("docker-compose");

/** The README's blocks marked `docker`, in order. */
async function readmeBlocks(): Promise<string[]> {
  const text = await Bun.file(join(root, "README.md")).text();
  return [...text.matchAll(/^```sh docker\n([\s\S]*?)^```$/gm)].map((match) => match[1] as string);
}

describe.skipIf(engineThere.skip)(`on a Docker engine ${engineThere.reason}`, () => {
  let engine: DockerEngine;
  beforeAll(async () => {
    engine = await startEngine();
    const built = await engine.shell("npm run build -- --image", root);
    expect(built.output).toContain(`clusterlink-image-${arch}.tar`);
    expect(built.code).toBe(0);
  }, LIMIT_MS);
  afterAll(async () => engine?.stop(), LIMIT_MS);

  const succeed = async (script: string, cwd?: string): Promise<string> => {
    const { code, output } = await engine.shell(script, cwd);
    expect(code, `${script}\n${output}`).toBe(0);
    return output;
  };

  const withImage = async (use: () => Promise<void>): Promise<void> => {
    await succeed(`docker build --quiet --tag clusterlink dist/image/${arch}`, root);
    await use();
  };

  test(
    "docker load takes the archive, which runs as nobody's user, with nothing to write to and no capability",
    async () => {
      const image = `clusterlink:${manifest.version}`;
      expect(await succeed(`docker load --input dist/clusterlink-image-${arch}.tar`, root)).toContain(image);
      const run = `docker run --rm --network none --read-only --cap-drop ALL --security-opt no-new-privileges ${image} version`;
      expect(await succeed(run)).toContain(manifest.version);
      expect(await succeed(`docker image inspect --format '{{.Config.User}}' ${image}`)).toBe("65532:65532\n");
      const size = Number(await succeed(`docker image inspect --format '{{.Size}}' ${image}`));
      expect(size).toBeGreaterThan(1e6);
      expect(size).toBeLessThan(125e6);
    },
    LIMIT_MS,
  );

  test(
    "docker build makes an image that runs the same way",
    () =>
      withImage(async () => {
        const settings =
          "{{json .Config.Entrypoint}}{{json .Config.Cmd}}{{json .Config.Healthcheck}}{{.Config.User}}{{json .Config.ExposedPorts}}";
        const inspect = (image: string) => succeed(`docker image inspect --format '${settings}' ${image}`);
        await succeed(`docker load --input dist/clusterlink-image-${arch}.tar`, root);
        expect(await inspect("clusterlink")).toBe(await inspect(`clusterlink:${manifest.version}`));
        expect(await succeed("docker history --format '{{.CreatedBy}}' clusterlink")).not.toMatch(
          /\bRUN\b|\/bin\/sh -c [^#]/,
        );
      }),
    LIMIT_MS,
  );

  test(
    "a container of the image's own user is healthy, listens on 8443 only, and stops at once",
    () =>
      withImage(async () => {
        const folder = mkdtempSync(join(tmpdir(), "clusterlink-site-"));
        try {
          const output = await succeed(
            `cli() { docker run --rm --user "$(id -u)" --volume "$PWD:/here" --workdir /here clusterlink "$@"; }
          cli create fabric --name f && cli create peer-cert --fabric f --name alone
          chown -R 65532 f
          docker run --detach --name alone --read-only --cap-drop ALL --volume "$PWD/f/alone:/etc/clusterlink/pki:ro" clusterlink
          trap 'docker logs alone | tail -n 20; docker rm --force --volumes alone' EXIT
          docker exec alone /usr/bin/clusterlink status --wait
          for _ in $(seq 150); do
            health=$(docker inspect --format '{{.State.Health.Status}}' alone)
            [ "$health" = starting ] || break
            sleep 0.2
          done
          echo "health: $health"
          pid=$(docker inspect --format '{{.State.Pid}}' alone)
          awk '$4 == "0A" {print $2}' "/proc/$pid/net/tcp" "/proc/$pid/net/tcp6" | sed 's/.*:/listens: /' | sort -u
          awk '/^Uid|^CapEff/ {print $1, $2}' "/proc/$pid/status"
          docker stop --time 30 alone
          echo "exit code: $(docker inspect --format '{{.State.ExitCode}}' alone)"`,
            folder,
          );
          expect(output).toContain("health: healthy");
          expect(output.match(/^listens: .*/gm)).toEqual([`listens: ${(8443).toString(16).toUpperCase()}`]);
          expect(output).toContain("Uid: 65532");
          expect(output).toContain("CapEff: 0000000000000000");
          expect(output).toContain("exit code: 0");
        } finally {
          rmSync(folder, { recursive: true, force: true });
        }
      }),
    LIMIT_MS,
  );

  test.skipIf(kubectl.skip)(
    `the README's commands make two sites that talk, as they stand ${kubectl.reason}`,
    async () => {
      const blocks = await readmeBlocks();
      expect(blocks.length).toBeGreaterThan(5);
      const last = blocks.at(-1) as string;
      const cleanup =
        "docker rm --force web east west >/dev/null 2>&1 || :; docker network rm east-net west-net >/dev/null 2>&1 || :";
      const apart = `
      address=$(docker inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' web)
      from() { nsenter --net --target "$(docker inspect --format '{{.State.Pid}}' $1)" curl --silent --max-time 3 "http://$address:5000/"; }
      from east | sed 's/^/in east: /'
      ! from west || exit 9`;
      const script = [...blocks.slice(0, -1), isRoot ? apart : "", last].join("\n");
      const { code, output } = await engine.shell(
        `trap 'docker logs east; docker logs west; ${cleanup}' ERR\n${script}`,
        root,
      );
      await engine.shell(cleanup);
      expect(code, output).toBe(0);
      expect(output).toMatch(new RegExp(`^${GREETING}$`, "m"));
      if (isRoot) expect(output).toContain(`in east: ${GREETING}`);
    },
    LIMIT_MS,
  );

  test.skipIf(compose.skip)(
    `compose.yaml starts the same two sites ${compose.reason}`,
    () =>
      withImage(async () => {
        const folder = mkdtempSync(join(tmpdir(), "clusterlink-compose-"));
        try {
          cpSync(join(root, "manifests", "compose"), folder, { recursive: true });
          const output = await succeed(
            `cli() { docker run --rm --user "$(id -u)" --volume "$PWD:/here" --workdir /here clusterlink "$@"; }
          cli create fabric --name shop
          for site in east west; do cli create peer-cert --fabric shop --name $site; done
          mkdir -p state/east state/west
          export SITE_USER="$(id -u):$(id -g)"
          trap 'docker-compose logs --no-color; docker-compose down --timeout 5' EXIT
          docker-compose up --detach
          curl --silent --max-time 5 --retry 20 --retry-delay 1 --retry-all-errors http://127.0.0.1:8080/`,
            folder,
          );
          expect(output).toMatch(new RegExp(`^${GREETING}$`, "m"));
        } finally {
          rmSync(folder, { recursive: true, force: true });
        }
      }),
    LIMIT_MS,
  );
});
