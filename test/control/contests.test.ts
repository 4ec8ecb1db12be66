/** Whoever writes against another does so ever less often. */
import { describe, expect, test } from "bun:test";
import { Contests } from "../../src/control/contests.ts";

const HOUR = 3_600_000;

function contests() {
  let now = 0;
  const contests = new Contests({ clock: () => now, random: () => 0 });
  /** Overrules as early as it may, for so long. @returns how often it did */
  const fight = (milliseconds: number) => {
    const end = now + milliseconds;
    let times = 0;
    for (let pause = 0; now + pause < end; pause = contests.pause("x")) {
      now += pause;
      contests.overruled("x");
      times++;
    }
    now = end;
    return times;
  };
  return { contests, fight, wait: (milliseconds: number) => (now += milliseconds) };
}

describe("somebody who writes otherwise", () => {
  test("is overruled three times at once, and then after pauses of 1, 2, 4, … s, at most 5 min", () => {
    const { contests: of, wait } = contests();
    const pauses: number[] = [];
    for (let times = 0; times < 14; times++) {
      pauses.push(of.pause("x") / 1_000);
      wait(of.pause("x"));
      of.overruled("x");
    }
    expect(pauses).toEqual([0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
  });

  test("costs no more than a dozen writes an hour in the long run", () => {
    const { fight } = contests();
    expect(fight(HOUR)).toBeLessThan(24);
    expect(fight(HOUR)).toBeLessThanOrEqual(12);
  });

  test("is told of once, and is named while the contest goes on", () => {
    const { contests: of, wait } = contests();
    expect(Array.from({ length: 5 }, () => of.overruled("x"))).toEqual([false, false, true, false, false]);
    expect(of.open).toEqual(["x"]);
    wait(HOUR);
    expect(of.open).toEqual([]);
  });

  test("and has given up is overruled at once again, when he comes back", () => {
    const { contests: of, fight, wait } = contests();
    fight(HOUR);
    wait(HOUR);
    expect(of.pause("x")).toBe(0);
    expect(of.overruled("x")).toBeFalse();
    expect(of.pause("x")).toBe(0);
  });

  test("of one object delays no other", () => {
    const { contests: of, fight } = contests();
    fight(HOUR);
    expect(of.pause("y")).toBe(0);
  });

  test("is nobody when the object has been made anew", () => {
    const { contests: of, fight } = contests();
    fight(HOUR / 2);
    expect(of.pause("x")).toBeGreaterThan(0);
    of.forget("x");
    expect(of.pause("x")).toBe(0);
  });
});

test("who has to wait is called once when it is time, and not after the end", async () => {
  const paused = () => {
    const of = new Contests({ random: () => 0.99 });
    for (let times = 0; times < 3; times++) of.overruled("x");
    return of;
  };
  const [waiting, stopped, forgotten] = [paused(), paused(), paused()];
  let calls = 0;
  let late = 0;
  for (let times = 0; times < 3; times++) expect(waiting.rests("x", () => calls++)).toBeTrue();
  expect(stopped.rests("x", () => late++)).toBeTrue();
  expect(forgotten.rests("x", () => late++)).toBeTrue();
  stopped.stop();
  forgotten.forget("x");
  await Bun.sleep(700);
  expect(calls).toBe(1);
  expect(late).toBe(0);
  expect(waiting.rests("x", () => undefined)).toBeFalse();
});
