/** One operator at a time, however often the Lease comes and goes. */
import { expect, test } from "bun:test";
import { Terms } from "../../src/operator/terms.ts";

/** Operators that write down what they are told; each ends when `end` is called with its number. */
function recorded() {
  const told: string[] = [];
  const endings = new Map<number, PromiseWithResolvers<void>>();
  let made = 0;
  const terms = new Terms(() => {
    const number = ++made;
    const ending = Promise.withResolvers<void>();
    endings.set(number, ending);
    return {
      synced: true,
      start: () => told.push(`start ${number}`),
      stop() {
        told.push(`stop ${number}`);
        return ending.promise;
      },
    };
  });
  const end = async (number: number) => {
    endings.get(number)?.resolve();
    await Bun.sleep(1);
  };
  return { terms, told, end };
}

test("an operator is told to end before the change of leadership is answered", async () => {
  const { terms, told } = recorded();
  terms.onChange(true);
  await Bun.sleep(1);
  terms.onChange(false);
  expect(told).toEqual(["start 1", "stop 1"]);
});

test("the next begins when the one before has ended", async () => {
  const { terms, told, end } = recorded();
  terms.onChange(true);
  await Bun.sleep(1);
  terms.onChange(false);
  terms.onChange(true);
  await Bun.sleep(1);
  expect(told).toEqual(["start 1", "stop 1"]);
  await end(1);
  expect(told).toEqual(["start 1", "stop 1", "start 2"]);
});

test("one whose term is over before it could begin never begins", async () => {
  const { terms, told, end } = recorded();
  terms.onChange(true);
  await Bun.sleep(1);
  for (const leads of [false, true, false]) terms.onChange(leads);
  await end(1);
  await end(2);
  expect(told).toEqual(["start 1", "stop 1", "stop 2"]);
});

test("the end is told when every operator has ended", async () => {
  const { terms, told, end } = recorded();
  terms.onChange(true);
  await Bun.sleep(1);
  let ended = false;
  const stopped = terms.stop().then(() => {
    ended = true;
  });
  await Bun.sleep(1);
  expect(ended).toBe(false);
  await end(1);
  await stopped;
  expect(told).toEqual(["start 1", "stop 1"]);
});
