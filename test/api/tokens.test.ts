import { describe, expect, test } from "bun:test";
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SignJWT } from "jose";
import { loadTokenKey } from "../../src/api/token-key.ts";
import { createTokens, MAX_TTL } from "../../src/api/tokens.ts";

const key = new Uint8Array(32).fill(7);
const tokens = createTokens(key);
const forged = (payload: Record<string, unknown>, signWith = key, alg = "HS256") => {
  const { iss = "clusterlink", aud = "clusterlink-control-api", exp = "1h", ...rest } = payload;
  const jwt = new SignJWT(rest).setProtectedHeader({ alg });
  if (typeof iss === "string") jwt.setIssuer(iss);
  if (typeof aud === "string") jwt.setAudience(aud);
  if (typeof exp === "string") jwt.setExpirationTime(exp);
  return jwt.sign(signWith);
};
const unsigned = (payload: object) =>
  `${btoa(JSON.stringify({ alg: "none" })).replaceAll("=", "")}.${btoa(JSON.stringify(payload)).replaceAll("=", "")}.`;

describe("a token", () => {
  test("that was issued is accepted with its scope", async () => {
    expect(await tokens.verify((await tokens.issue("admin", 60)).token)).toBe("admin");
    expect(await tokens.verify((await tokens.issue("read", 60)).token)).toBe("read");
  });
  test("tells when it ends", async () => {
    const issued = await createTokens(key, () => Date.parse("2026-01-01T00:00:00Z")).issue("read", 60);
    expect(issued.expiresAt).toBe("2026-01-01T00:01:00Z");
  });

  const refused: [string, () => Promise<string>, "Invalid" | "Expired"][] = [
    ["signed with another key", () => forged({ scope: "admin" }, new Uint8Array(32).fill(8)), "Invalid"],
    ["of another audience", () => forged({ scope: "admin", aud: "authz" }), "Invalid"],
    ["of another issuer", () => forged({ scope: "admin", iss: "somebody" }), "Invalid"],
    ["without an audience", () => forged({ scope: "admin", aud: null }), "Invalid"],
    ["without an end", () => forged({ scope: "admin", exp: null }), "Invalid"],
    ["without a scope", () => forged({}), "Invalid"],
    ["with an unknown scope", () => forged({ scope: "root" }), "Invalid"],
    ["signed with another algorithm", () => forged({ scope: "admin" }, new Uint8Array(64).fill(7), "HS512"), "Invalid"],
    [
      "not signed at all",
      async () => unsigned({ scope: "admin", iss: "clusterlink", aud: "clusterlink-control-api", exp: 9e9 }),
      "Invalid",
    ],
    [
      "that is past its end",
      () =>
        createTokens(key, () => Date.now() - 120_000)
          .issue("admin", 60)
          .then((one) => one.token),
      "Expired",
    ],
    ["that is no JWT", async () => "abc", "Invalid"],
  ];
  test.each(refused)("%s is refused", async (_rule, make, code) => {
    await expect(tokens.verify(await make())).rejects.toMatchObject({ code });
  });

  test.each([0, -1, 1.5, MAX_TTL + 1, Number.NaN])("with a ttl of %d is not issued", async (ttl) => {
    await expect(tokens.issue("read", ttl)).rejects.toThrow("a token lives between");
  });
});

describe("the token key", () => {
  const inFolder = async (run: (folder: string) => Promise<void>) => {
    const folder = await mkdtemp(join(tmpdir(), "clusterlink-key-"));
    try {
      await run(folder);
    } finally {
      await rm(folder, { recursive: true });
    }
  };
  test("is made once, with mode 0600, and is the same for all who start together", () =>
    inFolder(async (folder) => {
      const path = join(folder, "api-token.key");
      const keys = await Promise.all(Array.from({ length: 20 }, () => loadTokenKey(path)));
      expect(new Set(keys.map((one) => Buffer.from(one).toString("hex"))).size).toBe(1);
      expect((await stat(path)).mode & 0o777).toBe(0o600);
      expect(await readdir(folder)).toEqual(["api-token.key"]);
    }));
  test("that is too short is an error that names the file and the remedy", () =>
    inFolder(async (folder) => {
      const path = join(folder, "api-token.key");
      await writeFile(path, "abc");
      await expect(loadTokenKey(path)).rejects.toThrow(/holds no token key; remove it/);
    }));
});
