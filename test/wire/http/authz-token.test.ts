import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { decodeJwt, SignJWT } from "jose";
import { sourceAttributes } from "../../../src/policy/endpoints.ts";
import { AuthzTokens, type TokenRefusal } from "../../../src/wire/http/authz-token.ts";

const NOW = 1_700_000_000_900;
const KEY = new Uint8Array(32).fill(7);
const OTHER_KEY = new Uint8Array(32).fill(8);

const source = sourceAttributes({ name: "east" }, { namespace: "shop", serviceAccount: "web", labels: { app: "web" } });
const grant = { exportName: "orders", exportNamespace: "shop", caller: "east", source };

const at = (ms: number, key = KEY) => new AuthzTokens(key, () => ms);

/** A token with these claims, made with our key. */
function forged(claims: Record<string, unknown>, expires = 1_700_000_005): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: "HS256" }).setExpirationTime(expires).sign(KEY);
}

async function refusal(token: string, caller = "east", ms = NOW): Promise<TokenRefusal | undefined> {
  const verified = await at(ms).verify(token, caller);
  return verified.valid ? undefined : verified.reason;
}

describe("a token", () => {
  test("gives back what was granted, the judged source included", async () => {
    expect(await at(NOW + 4000).verify(await at(NOW).issue(grant), "east")).toEqual({ valid: true, grant });
  });

  test("tells an unidentified client from one without labels", async () => {
    const unidentified = { ...grant, source: sourceAttributes({ name: "east", labels: {} }, undefined) };
    const verified = await at(NOW).verify(await at(NOW).issue(unidentified), "east");
    expect(verified.valid && [verified.grant.source.clientKnown, verified.grant.source.peerLabelsKnown]).toEqual([
      false,
      true,
    ]);
  });

  test("has the claims that ClusterLink's gateways read, and ends five seconds later", async () => {
    const token = await at(NOW).issue(grant);
    expect(decodeJwt(token)).toMatchObject({ export_name: "orders", export_namespace: "shop", exp: 1_700_000_005 });
    expect(JSON.parse(atob(token.split(".")[0]!))).toEqual({ alg: "HS256", typ: "JWT" });
  });

  test("is good for any gateway with the same key", async () => {
    expect((await at(NOW, new Uint8Array(KEY)).verify(await at(NOW).issue(grant), "east")).valid).toBe(true);
  });
});

describe("a token is refused", () => {
  test("when it has expired", async () => {
    const token = await at(NOW).issue(grant);
    expect(await refusal(token, "east", 1_700_000_004_999)).toBeUndefined();
    expect(await refusal(token, "east", 1_700_000_005_000)).toBe("expired");
  });

  test("when another peer shows it", async () => {
    expect(await refusal(await at(NOW).issue(grant), "north")).toBe("other-caller");
  });

  test("when another key made it", async () => {
    expect(await refusal(await at(NOW, OTHER_KEY).issue(grant))).toBe("bad-signature");
  });

  test("when its claims were changed", async () => {
    const [header, , signature] = (await at(NOW).issue(grant)).split(".");
    const [, payload] = (await at(NOW).issue({ ...grant, exportName: "users" })).split(".");
    expect(await refusal(`${header}.${payload}.${signature}`)).toBe("bad-signature");
  });

  test("when it is not signed, or by another algorithm", async () => {
    const [, payload] = (await at(NOW).issue(grant)).split(".");
    expect(await refusal(`${btoa('{"alg":"none"}').replaceAll("=", "")}.${payload}.`)).toBe("bad-signature");
    const hs512 = new SignJWT({}).setProtectedHeader({ alg: "HS512" }).setExpirationTime(1_700_000_005);
    expect(await refusal(await hs512.sign(new Uint8Array(64).fill(7)))).toBe("bad-signature");
  });

  test("when it names no caller, as another implementation's do", async () => {
    expect(await refusal(await forged({ export_name: "orders", export_namespace: "shop" }))).toBe("no-caller");
    expect(await refusal(await forged({ export_name: "orders", export_namespace: "shop", caller: "" }), "")).toBe(
      "no-caller",
    );
  });

  const claims = {
    export_name: "orders",
    export_namespace: "shop",
    caller: "east",
    source: { values: {}, client_known: true, peer_labels_known: true },
  };
  const malformed: [string, Record<string, unknown>][] = [
    ["the export's name", { ...claims, export_name: undefined }],
    ["the export's namespace", { ...claims, export_namespace: 7 }],
    ["the source", { ...claims, source: undefined }],
    ["the source's values", { ...claims, source: { ...claims.source, values: { a: 1 } } }],
    [
      "what is known of the source",
      { ...claims, source: { values: {}, client_known: "yes", peer_labels_known: true } },
    ],
  ];
  for (const [missing, payload] of malformed) {
    test(`when it lacks ${missing}`, async () => expect(await refusal(await forged(payload))).toBe("malformed"));
  }

  test("when it never ends", async () => {
    expect(await refusal(await new SignJWT(claims).setProtectedHeader({ alg: "HS256" }).sign(KEY))).toBe("malformed");
  });

  test("when it is no token at all, without an exception", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.string(), fc.base64String(), fc.constant("a.b.c"), fc.constant("..")),
        async (text) => {
          expect(["malformed", "bad-signature"]).toContain((await refusal(text)) as string);
        },
      ),
    );
  });
});

test("a key that is too short is refused", () => {
  expect(() => at(NOW, new Uint8Array(31))).toThrow(RangeError);
});
