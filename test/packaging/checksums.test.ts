/** `sha256sum --check` accepts the list of checksums. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checksumList, sha256 } from "../../packaging/digest.ts";

test("sha256sum finds every file as listed, and a changed one", async () => {
  const cwd = mkdtempSync(join(tmpdir(), "clusterlink-sums-"));
  try {
    await Bun.write(join(cwd, "b"), "two");
    await Bun.write(join(cwd, "a"), "one");
    await Bun.write(
      join(cwd, "SHA256SUMS"),
      checksumList(
        new Map([
          ["b", sha256("two")],
          ["a", sha256("one")],
        ]),
      ),
    );
    const check = () => Bun.spawnSync(["sha256sum", "--check", "SHA256SUMS"], { cwd });
    expect(check().stdout.toString()).toBe("a: OK\nb: OK\n");
    await Bun.write(join(cwd, "a"), "changed");
    expect(check().exitCode).toBe(1);
  } finally {
    rmSync(cwd, { recursive: true });
  }
});
