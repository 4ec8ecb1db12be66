/** What a gateway says, or refuses, when it starts. */
import { describe, expect, test } from "bun:test";
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { childrenOf, type GatewaySite, sitesOfTests } from "./gateway-process.ts";

const newSite = sitesOfTests();

describe("the peer port of another gateway on the same machine", () => {
  test("is not shared in silence, not even on another address of it: exit code 2", async () => {
    const first = await newSite();
    await first.startReady();
    const refused = async (host: string) => {
      const second = (await newSite()).start(["--listen", `${host}:${first.port}`]);
      const said = await new Response(second.stderr).text();
      expect(said).toEndWith(
        `clusterlink: --listen: another gateway has ${host}:${first.port}; end it, or choose another port\n`,
      );
      expect(await second.exited).toBe(2);
    };
    await Promise.all([refused("127.0.0.1"), refused("[::]")]);
    expect((await first.status())?.ready).toBe(true);
  });

  test("is free for the next one as soon as a killed one's relays are gone", async () => {
    const site = await newSite();
    const killed = await site.startReady();
    expect(childrenOf(killed.pid).size).toBe(3);
    killed.kill("SIGKILL");
    await killed.exited;
    await site.startReady();
    expect((await site.status())?.ready).toBe(true);
  });
});

describe("a gateway that starts", () => {
  const saidUntilReady = async (site: GatewaySite, flags: string[] = []) => {
    const child = await site.startReady(["--grace", "0s", ...flags]);
    child.kill();
    return new Response(child.stderr).text();
  };

  test("says its version, its port and where its API is", async () => {
    const site = await newSite();
    chmodSync(join(site.pki, "key.pem"), 0o640);
    const [first = ""] = (await saidUntilReady(site)).split("\n");
    expect(first).toMatch(/ INFO +starting role="supervisor" version="\d+\.\d+\.\d+" /);
    expect(first).toContain(` peerPort="127.0.0.1:${site.port}" api="${join(site.state, "api.sock")}" relays=2`);
  });

  test("warns of a variable that is one of its own but for a letter", async () => {
    const child = (await newSite()).start(["--pki", "/nowhere"], { CLUSTERLINK_LISTN: "[::]:1" });
    expect(await new Response(child.stderr).text()).toContain(
      " WARN  the variable CLUSTERLINK_LISTN is unknown and counts for nothing; did you mean CLUSTERLINK_LISTEN?",
    );
    expect(await child.exited).toBe(2);
  });

  test.each(["0644", "0620"])("warns of a private key of mode %s", async (mode) => {
    const site = await newSite();
    const key = join(site.pki, "key.pem");
    chmodSync(key, Number.parseInt(mode, 8));
    const said = await saidUntilReady(site);
    expect(said).toContain(`--pki: the private key ${key} is open to others (${mode}); chmod 600 ${key}`);
  });
});
