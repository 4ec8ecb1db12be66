/** A stock kubectl does its everyday work on a site without Kubernetes. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { requires } from "../requires.ts";
import { type KubectlSite, openKubectlSite } from "./kubectl.ts";
import { web } from "./site.ts";

const kubectl = requires("kubectl");
const diff = requires("diff");

// These tests are of what a stock kubectl says: without it there is nothing to try.
describe.skipIf(kubectl.skip)(`kubectl ${kubectl.reason}`, () => {
  let site: KubectlSite;
  beforeAll(async () => {
    site = await openKubectlSite();
  });
  afterAll(() => site.close());

  const ok = async (args: string, input?: unknown): Promise<string> => {
    const { code, out, err } = await site.kubectl(args.split(" "), input);
    if (code !== 0) throw new Error(`kubectl ${args}: ${err}`);
    return out;
  };
  const fails = async (args: string, input?: unknown): Promise<string> => {
    const { code, err } = await site.kubectl(args.split(" "), input);
    expect(code).not.toBe(0);
    return err;
  };
  const read = async (name: string) => JSON.parse(await ok(`get import ${name} -o json`));
  const create = (name: string, more = {}) => ok("create -f -", web(more, { name }));

  test("api-resources and api-versions list the kinds", async () => {
    const resources = await ok("api-resources --api-group=clusterlink.net --no-headers");
    expect(
      resources
        .trim()
        .split("\n")
        .map((line) => line.split(/\s+/).at(-1)),
    ).toEqual(["AccessPolicy", "Export", "Import", "Peer", "PrivilegedAccessPolicy", "Workload"]);
    expect(await ok("api-versions")).toContain("clusterlink.net/v1alpha1\n");
    expect(await ok("version")).toContain("clusterlink-0.1.0");
  });
  test("get prints tables, also wide, by short name, by category and of all namespaces", async () => {
    await create("seen");
    expect(await ok("get imports")).toMatch(/^NAME +PORT +PEERS +VALID +AGE\nseen +80 +west +\d+s\n$/);
    expect(await ok("get imp seen -o wide")).toMatch(
      /^NAME +PORT +PEERS +VALID +SERVICE +TARGET +SCHEME +AGE\nseen .*round-robin/,
    );
    expect(await ok("get clusterlink -A")).toMatch(/NAMESPACE +NAME .*\ndefault +import.clusterlink.net\/seen/);
    expect(await ok("get namespaces")).toMatch(/default +Active/);
    expect(await fails("get import nobody")).toContain('imports.clusterlink.net "nobody" not found');
  });
  test("get prints YAML, JSON and names", async () => {
    await create("printed");
    expect(Bun.YAML.parse(await ok("get import printed -o yaml"))).toMatchObject({
      kind: "Import",
      spec: { port: 80 },
    });
    expect(await read("printed")).toMatchObject({ apiVersion: "clusterlink.net/v1alpha1" });
    expect(await ok("get import printed -o name")).toBe("import.clusterlink.net/printed\n");
    expect(await ok("get imports -o jsonpath={.items[*].metadata.name} --chunk-size=1")).toContain("printed");
  });
  test("get -w shows changes as they come", async () => {
    const child = Bun.spawn(["kubectl", "get", "imports", "-w", "--field-selector", "metadata.name=watched"], {
      env: site.environment,
      stdout: "pipe",
      stderr: "ignore",
    });
    const shown = lines(child.stdout);
    await create("watched");
    expect((await shown.next()).value).toStartWith("NAME");
    expect((await shown.next()).value).toMatch(/^watched +80/);
    await ok('patch import watched --type=merge -p {"spec":{"port":81}}');
    expect((await shown.next()).value).toMatch(/^watched +81/);
    child.kill();
    await child.exited;
  });
  test("describe tells everything", async () => {
    await create("told");
    expect(await ok("describe import told")).toMatch(/Name: +told\n[\s\S]*Lb Scheme: +round-robin\n/);
  });
  test("explain knows the fields", async () => {
    expect(await ok("explain import.spec.sources")).toMatch(/exportName\t<string> -required-/);
    expect(await ok("explain peer --recursive")).toContain("gateways");
  });
  test("create refuses what is wrong and names every field", async () => {
    const err = await fails("create -f -", web({ port: 0, bogus: 1 }, { name: "wrong" }));
    expect(err).toContain('The Import "wrong" is invalid');
    expect(err).toContain("spec.port: Invalid value: 0");
    expect(err).toContain('unknown field "spec.bogus"');
    expect(await fails("create -f -", web({}, { name: "seen" }))).toContain("AlreadyExists");
  });
  test("create --validate=warn drops unknown fields with a warning", async () => {
    const { code, err } = await site.kubectl(
      ["create", "--validate=warn", "-f", "-"],
      web({ bogus: 1 }, { name: "warned" }),
    );
    expect([code, err]).toEqual([0, expect.stringContaining('Warning: unknown field "spec.bogus"')]);
  });
  test("apply creates, changes, and removes what is applied no longer", async () => {
    expect(await ok("apply -f -", web({ targetPort: 9000 }, { name: "applied" }))).toContain("created");
    expect(await ok("apply -f -", web({ port: 81 }, { name: "applied" }))).toContain("configured");
    expect(await ok("apply -f -", web({ port: 81 }, { name: "applied" }))).toContain("unchanged");
    const { spec } = await read("applied");
    expect([spec.port, spec.targetPort]).toEqual([81, undefined]);
  });
  test("applies a manifest that makes its namespace first, as often as need be", async () => {
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } };
    const list = {
      apiVersion: "v1",
      kind: "List",
      items: [namespace, web({}, { namespace: "shop", name: "applied" })],
    };
    expect(await ok("apply -f -", list)).toContain("namespace/shop created\nimport.clusterlink.net/applied created");
    expect(await ok("apply -f -", list)).toContain("import.clusterlink.net/applied unchanged");
    expect(await ok("apply --server-side -f -", list)).toContain("namespace/shop serverside-applied");
    expect(await fails("create namespace shop")).toContain('namespaces "shop" already exists');
    expect(await ok("create namespace stall")).toContain("namespace/stall created");
    expect(await fails("delete namespace shop")).toContain("goes with the last one");
  });
  test("apply --server-side conflicts with other managers until it is forced", async () => {
    await create("shared");
    const wanted = web({ port: 90 }, { name: "shared" });
    expect(await fails("apply --server-side -f -", wanted)).toContain(
      'Apply failed with 1 conflict: conflict with "kubectl-create" using clusterlink.net/v1alpha1: .spec.port',
    );
    expect(await ok("apply --server-side --force-conflicts -f -", wanted)).toContain("serverside-applied");
    expect((await read("shared")).spec.port).toBe(90);
  });
  test("apply --server-side takes over what apply managed", async () => {
    await ok("apply -f -", web({}, { name: "migrated" }));
    await ok("apply --server-side -f -", web({ port: 91 }, { name: "migrated" }));
    await ok("apply --server-side -f -", web({ port: 92 }, { name: "migrated" }));
    expect((await read("migrated")).spec.port).toBe(92);
  });
  test("apply --dry-run=server judges and changes nothing", async () => {
    await create("rehearsed");
    expect(await ok("apply --dry-run=server -f -", web({ port: 99 }, { name: "rehearsed" }))).toContain(
      "server dry run",
    );
    expect((await read("rehearsed")).spec.port).toBe(80);
    expect(await fails("apply --dry-run=server -f -", web({ port: 0 }, { name: "rehearsed" }))).toContain("spec.port");
  });
  // `kubectl diff` runs the program `diff`.
  test.skipIf(diff.skip)(`diff shows what apply would change ${diff.reason}`, async () => {
    await create("compared");
    const { code, out } = await site.kubectl(["diff", "-f", "-"], web({ port: 99 }, { name: "compared" }));
    expect([code, out]).toEqual([1, expect.stringMatching(/- +port: 80\n\+ +port: 99\n/)]);
    expect(out).not.toMatch(/^[-+] +resourceVersion/m);
  });
  test("edit changes what the editor changed, and shows why it cannot", async () => {
    await create("edited");
    const editor = join(site.folder, "edit.sh");
    await writeFile(editor, '#!/bin/sh\nsed -i "s/round-robin/$CHANGE/" "$1"\n', { mode: 0o755 });
    const edit = (change: string) =>
      site.kubectl(["edit", "import", "edited"], undefined, {
        EDITOR: editor,
        CHANGE: change,
        TMPDIR: site.folder,
      });
    expect((await edit("random")).out).toContain("edited");
    expect((await read("edited")).spec.lbScheme).toBe("random");
    await ok('patch import edited --type=merge -p {"spec":{"lbScheme":"round-robin"}}');
    const bad = await edit("best");
    expect([bad.code, bad.err]).toEqual([1, expect.stringContaining('"edited" is invalid')]);
    const [, copy = ""] = /stored to "(.+)"/.exec(bad.err) ?? [];
    expect(await Bun.file(copy).text()).toContain("# * spec.lbScheme: Unsupported value");
  });
  test("patch takes merge and JSON patches, and no strategic ones", async () => {
    await create("patched");
    await ok('patch import patched --type=merge -p {"spec":{"port":82}}');
    await ok('patch import patched --type=json -p [{"op":"replace","path":"/spec/lbScheme","value":"static"}]');
    expect((await read("patched")).spec).toMatchObject({ port: 82, lbScheme: "static" });
    expect(await fails('patch import patched -p {"spec":{"port":83}}')).toContain(
      "strategic-merge-patch+json is not supported",
    );
  });
  test("replace needs the object to be there", async () => {
    await create("replaced");
    await ok("replace -f -", web({ port: 83 }, { name: "replaced" }));
    expect((await read("replaced")).spec.port).toBe(83);
    expect(await fails("replace -f -", web({}, { name: "nobody" }))).toContain("NotFound");
  });
  test("label and annotate, and select by label", async () => {
    await create("marked");
    await ok("label import marked tier=front");
    await ok("annotate import marked note=hello");
    expect((await read("marked")).metadata).toMatchObject({
      labels: { tier: "front" },
      annotations: { note: "hello" },
    });
    expect(await ok("get imports -l tier=front -o name")).toBe("import.clusterlink.net/marked\n");
    expect(await fails("label import marked tier=back")).toContain("already has a value");
  });
  test("wait sees a condition come, and an object go", async () => {
    await create("awaited");
    const condition = {
      type: "ImportTargetPortValid",
      status: "True",
      lastTransitionTime: "2026-01-01T00:00:00Z",
      reason: "Bound",
      message: "",
    };
    const waiting = ok("wait --for=condition=ImportTargetPortValid import/awaited --timeout=10s");
    await ok(
      `patch import awaited --subresource=status --type=merge -p ${JSON.stringify({ status: { conditions: [condition] } })}`,
    );
    expect(await waiting).toContain("condition met");
    const gone = ok("wait --for=delete import/awaited --timeout=10s");
    expect(await ok("delete import awaited")).toContain("deleted");
    await gone;
  });
  test("delete by label, and everything", async () => {
    await create("doomed");
    await ok("label import doomed doom=yes");
    expect(await ok("delete imports -l doom=yes")).toContain('"doomed" deleted');
    await ok("delete imports --all");
    expect((await site.kubectl(["get", "imports"])).err).toContain("No resources found");
  });
});

async function* lines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    const whole = text.split("\n");
    text = whole.pop() ?? "";
    yield* whole;
  }
}
