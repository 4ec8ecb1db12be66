/** Archives are what tar reads, and equal byte for byte whatever made them. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { type TarEntry, tar } from "../../packaging/tar.ts";

const text = (value: string) => new TextEncoder().encode(value);

const entries: TarEntry[] = [
  { kind: "directory", path: "etc", mode: 0o755 },
  { kind: "file", path: "etc/passwd", data: text("root:x:0:0\n"), mode: 0o644 },
  { kind: "file", path: "bin", data: text("#!"), mode: 0o755, owner: 65532 },
  { kind: "link", path: "lib", target: "usr/lib" },
  { kind: "directory", path: "tmp", mode: 0o1777 },
];

async function listing(archive: Uint8Array): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), "clusterlink-tar-"));
  try {
    const path = join(folder, "a.tar");
    await Bun.write(path, archive);
    const listed = Bun.spawnSync(["tar", "--numeric-owner", "--utc", "-tvf", path]);
    expect(listed.stderr.toString()).toBe("");
    return listed.stdout
      .toString()
      .trim()
      .split("\n")
      .map((line) => line.replace(/ +/g, " "));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("tar reads kind, mode, owner, size, time and path as they were given, sorted", async () => {
  expect(await listing(tar(entries))).toEqual([
    "-rwxr-xr-x 65532/65532 2 1970-01-01 00:00 bin",
    "drwxr-xr-x 0/0 0 1970-01-01 00:00 etc/",
    "-rw-r--r-- 0/0 11 1970-01-01 00:00 etc/passwd",
    "lrwxrwxrwx 0/0 0 1970-01-01 00:00 lib -> usr/lib",
    "drwxrwxrwt 0/0 0 1970-01-01 00:00 tmp/",
  ]);
});

test("a path of more than 100 bytes is cut at a slash", async () => {
  const path = `${"a".repeat(90)}/${"b".repeat(60)}/c`;
  expect((await listing(tar([{ kind: "file", path, data: text(""), mode: 0o600 }])))[0]).toEndWith(path);
});

test("the order of the entries changes nothing", () => {
  fc.assert(
    fc.property(fc.shuffledSubarray(entries, { minLength: entries.length }), (shuffled) => {
      expect(Bun.hash(tar(shuffled))).toBe(Bun.hash(tar(entries)));
    }),
  );
});

test.each([
  ["an absolute path", "/etc/passwd"],
  ["a name that no field holds", "a".repeat(101)],
])("%s is refused", (_, path) => {
  expect(() => tar([{ kind: "directory", path, mode: 0o755 }])).toThrow(path.slice(0, 20));
});

test("a path that is there twice is refused", () => {
  expect(() => tar([...entries, { kind: "link", path: "etc", target: "x" }])).toThrow("etc: twice");
});
