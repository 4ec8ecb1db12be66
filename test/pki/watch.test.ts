import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { certificateStatus } from "../../src/pki/inspect.ts";
import { loadCertificates } from "../../src/pki/load.ts";
import { CertificateWatch, type WatchTimers } from "../../src/pki/watch.ts";
import { DAY, type Made, makeRoot, makeSite, NOW } from "./authority.ts";

const base = mkdtempSync(join(tmpdir(), "pki-watch-"));
afterAll(() => rmSync(base, { recursive: true }));

const root = await makeRoot();
const newRoot = await makeRoot({ subject: "CN=new" });
const old = await makeSite(root, "berlin");
const renewed = await makeSite(root, "berlin", { notAfter: NOW + 400 * DAY });
const moved = await makeSite(newRoot, "berlin");

/** Timers that run when the test says so; notices of the file system are left out. */
class ManualTimers implements WatchTimers {
  tick: () => void = () => undefined;
  cancelled = false;
  every(_interval: number, run: () => void): () => void {
    this.tick = run;
    return () => {
      this.cancelled = true;
    };
  }
  after(): () => void {
    return () => undefined;
  }
}

function put(dir: string, files: { ca?: Made; cert?: Made; key?: Made }): void {
  mkdirSync(dir, { recursive: true });
  if (files.ca) writeFileSync(join(dir, "ca.pem"), files.ca.pem);
  if (files.cert) writeFileSync(join(dir, "cert.pem"), files.cert.pem);
  if (files.key) writeFileSync(join(dir, "key.pem"), files.key.key);
}

interface StartOptions {
  now?: () => number;
  timers?: WatchTimers;
  interval?: number;
}

async function start(dir: string, options: StartOptions = { timers: new ManualTimers() }) {
  const changes: string[] = [];
  const problems: (readonly string[])[] = [];
  const waiting: (() => void)[] = [];
  const watching = new CertificateWatch({
    source: { dir },
    current: await loadCertificates({ dir }, NOW),
    onChange: (entry) => {
      changes.push(entry.cert);
      for (const resolve of waiting.splice(0)) resolve();
    },
    onProblems: (list) => problems.push(list),
    now: () => NOW,
    ...options,
  });
  const change = () => new Promise<void>((resolve) => waiting.push(resolve));
  return { watching, changes, problems, change };
}

describe("files replaced one by one", () => {
  test("count once they fit together; until then the old set stays and the problem is told, once", async () => {
    const dir = join(base, "one-by-one");
    put(dir, { ca: root, cert: old, key: old });
    const { watching, changes, problems } = await start(dir);
    put(dir, { key: renewed });
    await watching.check();
    await watching.check();
    expect(changes).toEqual([]);
    expect(watching.problems()).toEqual([expect.stringContaining("does not belong to the certificate")]);
    put(dir, { cert: renewed });
    await watching.check();
    await watching.check();
    expect(changes).toEqual([renewed.pem]);
    expect(watching.problems()).toEqual([]);
    expect(problems.map((list) => list.length)).toEqual([1, 0]);
    watching.close();
  });

  test("to another CA: neither order brings a half of it into use", async () => {
    for (const order of [
      ["ca", "key", "cert"],
      ["cert", "key", "ca"],
    ] as const) {
      const dir = join(base, `moved-${order[0]}`);
      put(dir, { ca: root, cert: old, key: old });
      const { watching, changes } = await start(dir);
      for (const file of order) {
        expect(changes).toEqual([]);
        put(dir, { [file]: file === "ca" ? newRoot : moved });
        await watching.check();
      }
      expect(changes).toEqual([moved.pem]);
      watching.close();
    }
  });

  test("with one missing, cut off or empty for a while are waited for", async () => {
    const dir = join(base, "broken");
    put(dir, { ca: root, cert: old, key: old });
    const { watching, changes } = await start(dir);
    rmSync(join(dir, "cert.pem"));
    await watching.check();
    expect(watching.problems()).toEqual([expect.stringContaining("does not exist")]);
    writeFileSync(join(dir, "cert.pem"), old.pem.slice(0, 200));
    await watching.check();
    expect(watching.problems()[0]).toContain("no PEM certificate");
    put(dir, { cert: old });
    await watching.check();
    expect([changes, watching.problems()]).toEqual([[], []]);
    watching.close();
  });
});

test("a bundle of CAs that is half written does not pass for one of fewer", async () => {
  const dir = join(base, "half");
  put(dir, { ca: root, cert: old, key: old });
  const { watching, changes, problems } = await start(dir);
  const bundle = root.pem + newRoot.pem;
  for (const length of [root.pem.length + 60, bundle.length - 5]) {
    writeFileSync(join(dir, "ca.pem"), bundle.slice(0, length));
    await watching.check();
    expect(watching.problems()).toEqual([expect.stringContaining("ca.pem: has a certificate that is cut off")]);
  }
  writeFileSync(join(dir, "ca.pem"), bundle);
  await watching.check();
  expect([changes.length, watching.problems()]).toEqual([1, []]);
  expect(problems.map((list) => list.length)).toEqual([1, 0]);
  watching.close();
});

test("a set that is not valid yet comes into use when its time has come", async () => {
  const dir = join(base, "future");
  put(dir, { ca: root, cert: old, key: old });
  let now = NOW;
  const { watching, changes } = await start(dir, { now: () => now, timers: new ManualTimers() });
  const future = await makeSite(root, "berlin", { notBefore: NOW + 60_000 });
  put(dir, { cert: future, key: future });
  await watching.check();
  expect([changes.length, watching.problems().length]).toEqual([0, 1]);
  now += 61_000;
  await watching.check();
  expect([changes.length, watching.problems().length]).toEqual([1, 0]);
  watching.close();
});

test("the timer reads the files, and nothing is called after close", async () => {
  const dir = join(base, "timer");
  put(dir, { ca: root, cert: old, key: old });
  const timers = new ManualTimers();
  const { watching, changes, change } = await start(dir, { timers });
  put(dir, { cert: renewed, key: renewed });
  timers.tick();
  await change();
  put(dir, { cert: old, key: old });
  const reading = watching.check();
  watching.close();
  await reading;
  expect(changes).toEqual([renewed.pem]);
  expect(timers.cancelled).toBe(true);
});

describe("with real timers", () => {
  const REAL = { interval: 60_000 };

  test("a notice of the file system brings a new set into use long before the next reading", async () => {
    const dir = join(base, "notice");
    put(dir, { ca: root, cert: old, key: old });
    const { watching, change } = await start(dir, REAL);
    const changed = change();
    put(dir, { cert: renewed, key: renewed });
    await changed;
    watching.close();
  });

  test("a Secret volume that swaps its link is noticed", async () => {
    const dir = join(base, "secret");
    put(join(dir, "..1"), { ca: root, cert: old, key: old });
    put(join(dir, "..2"), { ca: newRoot, cert: moved, key: moved });
    symlinkSync("..1", join(dir, "..data"));
    for (const name of ["ca.pem", "cert.pem", "key.pem"]) symlinkSync(join("..data", name), join(dir, name));
    const { watching, changes, change } = await start(dir, REAL);
    const changed = change();
    symlinkSync("..2", join(dir, "..data_tmp"));
    renameSync(join(dir, "..data_tmp"), join(dir, "..data"));
    await changed;
    expect(changes).toEqual([moved.pem]);
    watching.close();
  });

  test("where there are no notices, because the folder was replaced, reading finds it", async () => {
    const dir = join(base, "replaced");
    put(dir, { ca: root, cert: old, key: old });
    const { watching, change } = await start(dir, { interval: 50 });
    const changed = change();
    renameSync(dir, join(base, "replaced-before"));
    put(dir, { ca: root, cert: renewed, key: renewed });
    await changed;
    watching.close();
  });
});

test("the status of the certificates in use: the site's, then every CA", () => {
  const entry = { cert: old.pem, ca: root.pem + newRoot.pem };
  expect(certificateStatus(entry, NOW - 1)).toEqual([
    { role: "site", subject: "CN=berlin", notAfter: "2031-06-01T12:00:00Z", daysLeft: 365 },
    { role: "ca", subject: "CN=root", notAfter: "2031-06-01T12:00:00Z", daysLeft: 365 },
    { role: "ca", subject: "CN=new", notAfter: "2031-06-01T12:00:00Z", daysLeft: 365 },
  ]);
  expect(certificateStatus(entry, NOW + 366 * DAY)[0]?.daysLeft).toBe(-1);
});
