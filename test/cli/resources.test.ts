import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cleanEnvironment, command } from "./clusterlink.ts";
import { TestSite } from "./site.ts";

let site: TestSite;
beforeAll(async () => {
  site = await TestSite.open();
});
afterAll(() => site.close());

const exported = (name: string, port: number, namespace = "shop") =>
  `apiVersion: clusterlink.net/v1alpha1\nkind: Export\nmetadata: {name: ${name}, namespace: ${namespace}, labels: {app: ${name}}}\nspec: {host: 127.0.0.1, port: ${port}}\n`;

const apply = (text: string, ...args: string[]) => site.run(["apply", "-f", "-", ...args], { stdin: text });

describe("apply", () => {
  test("tells what it created, changed and left alone", async () => {
    const first = await apply(`${exported("one", 80)}---\n${exported("two", 81)}`);
    expect(first).toEqual({
      code: 0,
      err: "",
      out: "export.clusterlink.net/one created\nexport.clusterlink.net/two created\n",
    });
    const second = await apply(`${exported("one", 80)}---\n${exported("two", 82)}`);
    expect(second.out).toBe("export.clusterlink.net/one unchanged\nexport.clusterlink.net/two configured\n");
  });

  test("goes on after a bad object, tells every fault with its file, and exits with 1", async () => {
    const folder = join(site.folder, "manifests");
    mkdirSync(folder);
    writeFileSync(join(folder, "a.yaml"), exported("bad-port", 70_000));
    writeFileSync(join(folder, "b.yaml"), "a: [1\nb: }");
    writeFileSync(
      join(folder, "c.yml"),
      `${exported("good", 83)}---\n${exported("other", 84).replace("Export", "Ingress")}`,
    );
    writeFileSync(join(folder, "notes.txt"), "not a manifest");
    const { code, out, err } = await site.run(["apply", "-f", "manifests"]);
    expect(code).toBe(1);
    expect(out).toBe("export.clusterlink.net/good created\n");
    const lines = err.trimEnd().split("\n");
    expect(lines[0]).toMatch(/^error: manifests\/a.yaml: .*bad-port.* is invalid: spec.port/);
    expect(lines[1]).toStartWith('error: manifests/b.yaml: YAML Parse error: Unexpected token (line 1: "a: [1")');
    expect(lines[2]).toStartWith("error: manifests/c.yml: Ingress 'other' of clusterlink.net/v1alpha1 is unknown");
    expect(lines).toHaveLength(3);
  });

  test("of a file that is not there names it", async () => {
    const { code, err } = await site.run(["apply", "-f", "nowhere.yaml"]);
    expect({ code, err }).toEqual({ code: 1, err: "error: 'nowhere.yaml' cannot be read (ENOENT): check the path\n" });
  });

  test("of a file without an object is a failure", async () => {
    for (const action of ["apply", "delete"]) {
      const { code, out, err } = await site.run([action, "-f", "-"], { stdin: "# nothing yet\n---\n" });
      expect({ code, out, err }).toEqual({ code: 1, out: "", err: "error: there is no object in standard input\n" });
    }
  });

  test("names the object that the gateway's answer does not", async () => {
    const managed = exported("named", 109).replace("{name", "{managedFields: [{manager: x}], name");
    expect((await apply(managed)).err).toBe(
      "error: standard input: Export 'named': metadata.managedFields must be nil\n",
    );
  });

  test("with --dry-run changes nothing", async () => {
    expect((await apply(exported("dry", 85), "--dry-run")).out).toBe(
      "export.clusterlink.net/dry created (server dry run)\n",
    );
    expect((await site.run(["get", "export", "dry", "-n", "shop"])).code).toBe(1);
  });

  test("with --dry-run tells what would change of an object that is there", async () => {
    const word = async (port: number) => (await apply(exported("tried", port), "--dry-run")).out.split(" ")[1];
    await apply(exported("tried", 85));
    expect([await word(85), await word(86), await word(85)]).toEqual(["unchanged", "configured", "unchanged"]);
  });

  test("of a field that another manager owns is a conflict, until it is forced", async () => {
    await apply(exported("owned", 86), "--field-manager", "other");
    const refused = await apply(exported("owned", 87));
    expect(refused.code).toBe(1);
    expect(refused.err).toMatch(
      /^error: standard input: Export 'owned': Apply failed .*"other".*--force-conflicts\)\n$/,
    );
    expect((await apply(exported("owned", 87), "--force-conflicts")).out).toBe(
      "export.clusterlink.net/owned configured\n",
    );
  });

  test("puts a Peer that names no namespace into the gateway's own, and get finds it there", async () => {
    site.status = { ...site.status, namespace: "gateways-own" };
    const spec = "spec: {gateways: [{host: 127.0.0.1, port: 8443}]}";
    await apply(`apiVersion: clusterlink.net/v1alpha1\nkind: Peer\nmetadata: {name: oslo}\n${spec}\n`);
    const { out } = await site.run(["get", "peers", "-o", "json"]);
    expect(JSON.parse(out)).toMatchObject({ items: [{ metadata: { name: "oslo", namespace: "gateways-own" } }] });
  });

  test("puts objects without a namespace where -n says", async () => {
    const text = exported("placed", 88).replace(", namespace: shop", "");
    await apply(text, "-n", "elsewhere");
    expect((await site.run(["get", "export/placed", "-n", "elsewhere", "-o", "name"])).out).toBe(
      "export.clusterlink.net/placed\n",
    );
  });

  test("ends at once when the gateway is not there", async () => {
    const { code, err } = await apply(
      `${exported("one", 80)}---\n${exported("two", 81)}`,
      "--server",
      "unix:/nowhere/a.sock",
    );
    expect(code).toBe(1);
    expect(err.match(/no gateway answers/g)).toHaveLength(1);
  });
});

describe("get", () => {
  test("shows the gateway's own table", async () => {
    await apply(exported("seen", 90, "seen"));
    const { out, code } = await site.run(["get", "EXPORTS", "-n", "seen"]);
    expect(code).toBe(0);
    expect(out).toMatch(/^NAME +.*\nseen +.*90/);
  });
  test("shows one object by a short name, as YAML that apply takes back", async () => {
    await apply(exported("back", 91));
    const { out } = await site.run(["get", "exp", "back", "-n", "shop", "-o", "yaml"]);
    expect(Bun.YAML.parse(out)).toMatchObject({ kind: "Export", spec: { host: "127.0.0.1", port: 91 } });
  });
  test("hides the managed fields, so that apply takes back what it shows", async () => {
    await apply(exported("round", 104));
    for (const format of ["yaml", "json"]) {
      const { out } = await site.run(["get", "export", "round", "-n", "shop", "-o", format]);
      expect(out).not.toContain("managedFields");
      expect(await apply(out)).toEqual({ code: 0, out: "export.clusterlink.net/round unchanged\n", err: "" });
    }
    const list = await site.run(["get", "exports", "-n", "shop", "-o", "yaml"]);
    expect(list.out).not.toContain("managedFields");
  });
  test("shows the managed fields with --show-managed-fields", async () => {
    await apply(exported("managed", 105));
    const { out } = await site.run(["get", "export/managed", "-n", "shop", "-o", "json", "--show-managed-fields"]);
    expect(JSON.parse(out).metadata.managedFields).toMatchObject([{ manager: "clusterlink", operation: "Apply" }]);
  });
  test.each([
    ["after one kind", ["exports", "n-one", "n-two"]],
    ["each with its kind", ["export/n-one", "exp/n-two"]],
  ])("shows several objects in one table, named %s", async (_rule, words) => {
    await apply(`${exported("n-one", 106)}---\n${exported("n-two", 107)}`);
    const { out } = await site.run(["get", ...words, "-n", "shop"]);
    expect(out).toMatch(/^NAME .*\nn-one .*\nn-two .*\n$/);
  });
  test("shows a list as JSON, by label", async () => {
    await apply(`${exported("red", 92, "colours")}---\n${exported("blue", 93, "colours")}`);
    const { out } = await site.run(["get", "exports", "-n", "colours", "-l", "app=red", "-o", "json"]);
    expect(JSON.parse(out)).toMatchObject({ kind: "List", items: [{ metadata: { name: "red" } }] });
    expect(JSON.parse(out).items).toHaveLength(1);
  });
  test("shows the namespace of every object with -A, and the kind where there are several", async () => {
    await apply(exported("wide", 94, "far-away"));
    const { out } = await site.run(["get", "all", "-A"]);
    expect(out).toMatch(/^NAMESPACE +NAME/);
    expect(out).toMatch(/^far-away +export.clusterlink.net\/wide /m);
  });
  test("says on standard error that there is nothing, and where it looked", async () => {
    const { code, out, err } = await site.run(["get", "imports", "-n", "empty"]);
    expect({ code, out, err }).toEqual({
      code: 0,
      out: "",
      err: "No resources found in namespace 'empty' (-A shows every namespace)\n",
    });
  });
  test("of an object that is not there exits with 1 and the gateway's words", async () => {
    const { code, err } = await site.run(["get", "import", "nothing"]);
    expect({ code, err }).toEqual({ code: 1, err: 'error: imports.clusterlink.net "nothing" not found\n' });
  });
  test("-w shows what is there, then every change, with one header", async () => {
    await apply(exported("first", 95, "watched"));
    const child = Bun.spawn(command("get", "exports", "-n", "watched", "-w"), {
      env: { ...cleanEnvironment(), CLUSTERLINK_SERVER: site.server },
      stdout: "pipe",
      stderr: "inherit",
    });
    const reader = child.stdout.getReader();
    const decoder = new TextDecoder();
    let text = "";
    const until = async (wanted: RegExp) => {
      while (!wanted.test(text)) {
        const { value, done } = await reader.read();
        if (done) throw new Error(`the watch ended after:\n${text}`);
        text += decoder.decode(value);
      }
    };
    try {
      await until(/^first /m);
      await apply(exported("second", 96, "watched"));
      await until(/^second /m);
      await apply(exported("second", 97, "watched"));
      await until(/^second .*97/m);
      expect(text.match(/^NAME/gm)).toHaveLength(1);
    } finally {
      child.kill();
      await child.exited;
    }
  });
});

test.each([
  ["get", ["get", "instances"]],
  ["apply", ["apply", "-f", "-"]],
  ["delete", ["delete", "-f", "-"]],
  ["delete by name", ["delete", "instance", "one"]],
])("an Instance is a cluster's, and %s says so", async (_rule, args) => {
  const stdin = "apiVersion: clusterlink.net/v1alpha1\nkind: Instance\nmetadata: {name: one}\nspec: {}\n";
  const { code, out, err } = await site.run(args, { stdin });
  expect(err).toEndWith("a site without Kubernetes has no instances: ask the cluster with --server kubernetes\n");
  expect(out).toBe("");
  expect(code).toBeGreaterThan(0);
});

describe("delete", () => {
  test("deletes by name, and tells what was not there", async () => {
    await apply(exported("gone", 98));
    const { code, out, err } = await site.run(["delete", "export", "missing", "gone", "-n", "shop"]);
    expect(out).toBe("export.clusterlink.net/gone deleted\n");
    expect(err).toBe('error: exports.clusterlink.net "missing" not found\n');
    expect(code).toBe(1);
  });
  test("deletes several objects, each named with its kind", async () => {
    const policy = `apiVersion: clusterlink.net/v1alpha1\nkind: AccessPolicy\nmetadata: {name: mixed, namespace: shop}\nspec: {action: allow, from: [{workloadSelector: {}}], to: [{workloadSelector: {}}]}\n`;
    await apply(`${exported("mixed", 108)}---\n${policy}`);
    expect(await site.run(["delete", "export/mixed", "accesspolicy/mixed", "-n", "shop"])).toEqual({
      code: 0,
      out: "export.clusterlink.net/mixed deleted\naccesspolicy.clusterlink.net/mixed deleted\n",
      err: "",
    });
  });
  test("of something absent succeeds with --ignore-not-found", async () => {
    expect(await site.run(["delete", "export/missing", "--ignore-not-found"])).toEqual({ code: 0, out: "", err: "" });
  });
  test("deletes what a file names", async () => {
    await apply(exported("filed", 99));
    const { code, out } = await site.run(["delete", "-f", "-"], { stdin: exported("filed", 99) });
    expect({ code, out }).toEqual({ code: 0, out: "export.clusterlink.net/filed deleted\n" });
  });
  test("deletes by label, in one namespace only", async () => {
    await apply(`${exported("a", 100, "n1")}---\n${exported("b", 101, "n1")}---\n${exported("a", 102, "n2")}`);
    await site.run(["delete", "exports", "-n", "n1", "-l", "app=a"]);
    const left = await site.run(["get", "exports", "-A", "-l", "app in (a,b)", "-o", "json"]);
    const places = JSON.parse(left.out).items.map(
      (one: { metadata: { namespace: string; name: string } }) => one.metadata,
    );
    expect(places).toMatchObject([
      { namespace: "n1", name: "b" },
      { namespace: "n2", name: "a" },
    ]);
  });
  test("with --dry-run deletes nothing", async () => {
    await apply(exported("kept", 103));
    const { out } = await site.run(["delete", "export", "kept", "-n", "shop", "--dry-run"]);
    expect(out).toBe("export.clusterlink.net/kept deleted (server dry run)\n");
    expect((await site.run(["get", "export", "kept", "-n", "shop"])).code).toBe(0);
  });
});
