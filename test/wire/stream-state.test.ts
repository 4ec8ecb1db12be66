import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ProtocolError } from "../../src/wire/errors.ts";
import { StreamState } from "../../src/wire/stream-state.ts";

/** One frame on the way; `of` says which stream DATA was sent for, which the real frame does not. */
type Frame = { type: "open" | "opened" | "refused" | "fin" | "reset"; number: number } | { type: "data"; of: number };

/** One side of a tunnel with its state and the frames that are on the way to it. */
class Side {
  readonly inbox: Frame[] = [];
  readonly state: StreamState;
  other!: Side;
  /** What was delivered to each stream here. */
  readonly delivered: Frame[] = [];

  constructor(role: "opener" | "acceptor") {
    this.state = new StreamState(role);
  }

  send(frame: Frame): void {
    this.other.inbox.push(frame);
  }

  /** Takes a step of its own, if it makes sense now. */
  act(action: "open" | "answer" | "refuse" | "data" | "fin" | "reset"): void {
    const { state } = this;
    const canAnswer = state.role === "acceptor" && state.phase === "opening";
    if (action === "open" && state.role === "opener" && state.idle) {
      this.send({ type: "open", number: state.sendOpen() });
    } else if (action === "answer" && canAnswer) {
      state.sendOpened();
      this.send({ type: "opened", number: state.number });
    } else if (action === "refuse" && canAnswer) {
      state.sendRefused();
      this.send({ type: "refused", number: state.number });
    } else if (action === "data" && state.maySend) {
      this.send({ type: "data", of: state.number });
    } else if (action === "fin" && state.maySend) {
      state.sendFin();
      this.send({ type: "fin", number: state.number });
    } else if (action === "reset" && !state.idle && !canAnswer) {
      state.sendReset();
      this.send({ type: "reset", number: state.number });
    }
  }

  /** Takes the next frame that is on the way. */
  receive(): void {
    const frame = this.inbox.shift();
    if (frame === undefined) return;
    if (this.#takes(frame)) this.delivered.push(frame);
    const number = frame.type === "data" ? frame.of : frame.number;
    if (this.delivered.at(-1) === frame) expect(number).toBe(this.state.number);
  }

  #takes(frame: Frame): boolean {
    const { state } = this;
    switch (frame.type) {
      case "open":
        state.receiveOpen(frame.number);
        return true;
      case "opened":
        return state.receiveOpened(frame.number);
      case "refused":
        return state.receiveRefused(frame.number);
      case "data":
        return state.receiveData();
      case "fin":
        return state.receiveFin(frame.number);
      case "reset":
        return state.receiveReset(frame.number);
    }
  }
}

function tunnel(): { opener: Side; acceptor: Side } {
  const opener = new Side("opener");
  const acceptor = new Side("acceptor");
  opener.other = acceptor;
  acceptor.other = opener;
  return { opener, acceptor };
}

const action = fc.constantFrom("open", "answer", "refuse", "data", "fin", "reset", "receive");
const step = fc.record({ by: fc.constantFrom("opener", "acceptor"), action });

describe("two sides that keep the rules", () => {
  test("never break a tunnel and never mix streams, in whatever order frames cross", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const sides = tunnel();
        for (const { by, action } of steps) {
          const side = sides[by];
          if (action === "receive") side.receive();
          else side.act(action);
        }
      }),
      { numRuns: 3000 },
    );
  });

  test("agree that the tunnel is idle once everything has arrived and both halves have finished or one was reset", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const { opener, acceptor } = tunnel();
        for (const { by, action } of steps) {
          const side = by === "opener" ? opener : acceptor;
          if (action === "receive") side.receive();
          else side.act(action);
        }
        const settle = () => {
          while (opener.inbox.length + acceptor.inbox.length > 0) {
            opener.receive();
            acceptor.receive();
          }
        };
        settle();
        for (const last of ["answer", "fin", "reset"] as const) {
          acceptor.act(last);
          opener.act(last);
          settle();
        }
        expect([opener.state.idle, acceptor.state.idle]).toEqual([true, true]);
        expect(opener.state.number).toBe(acceptor.state.number);
      }),
      { numRuns: 1000 },
    );
  });

  test("deliver everything in order when nothing is reset or refused", () => {
    const calm = fc.record({
      by: fc.constantFrom("opener", "acceptor"),
      action: fc.constantFrom("open", "answer", "data", "fin", "receive"),
    });
    fc.assert(
      fc.property(fc.array(calm, { maxLength: 120 }), (steps) => {
        const { opener, acceptor } = tunnel();
        const sent = { opener: 0, acceptor: 0 };
        for (const { by, action } of steps) {
          const side = by === "opener" ? opener : acceptor;
          if (action === "data" && side.state.maySend) sent[by] += 1;
          if (action === "receive") side.receive();
          else side.act(action);
        }
        while (opener.inbox.length + acceptor.inbox.length > 0) {
          opener.receive();
          acceptor.receive();
        }
        const data = (side: Side) => side.delivered.filter((frame) => frame.type === "data").length;
        expect([data(acceptor), data(opener)]).toEqual([sent.opener, sent.acceptor]);
      }),
      { numRuns: 1000 },
    );
  });
});

/** An opener whose first stream is open. */
function openOpener(): StreamState {
  const state = new StreamState("opener");
  state.sendOpen();
  state.receiveOpened(1);
  return state;
}

/** An acceptor whose first stream is open. */
function openAcceptor(): StreamState {
  const state = new StreamState("acceptor");
  state.receiveOpen(1);
  state.sendOpened();
  return state;
}

describe("a side that breaks the rules ends the tunnel:", () => {
  test.each<[string, () => unknown]>([
    ["OPEN to the opener", () => new StreamState("opener").receiveOpen(1)],
    ["OPEN while a stream is open", () => openAcceptor().receiveOpen(2)],
    [
      "OPEN with a number that was used",
      () => {
        const state = openAcceptor();
        state.receiveReset(1);
        state.receiveOpen(1);
      },
    ],
    ["OPENED to the acceptor", () => openAcceptor().receiveOpened(1)],
    ["OPENED twice", () => openOpener().receiveOpened(1)],
    ["OPENED of a stream that was never opened", () => openOpener().receiveOpened(2)],
    ["REFUSED to the acceptor", () => openAcceptor().receiveRefused(1)],
    ["REFUSED after OPENED", () => openOpener().receiveRefused(1)],
    ["DATA before any stream", () => new StreamState("acceptor").receiveData()],
    [
      "DATA after FIN",
      () => {
        const state = openAcceptor();
        state.receiveFin(1);
        state.receiveData();
      },
    ],
    [
      "FIN twice",
      () => {
        const state = openAcceptor();
        state.receiveFin(1);
        state.receiveFin(1);
      },
    ],
    [
      "FIN before OPENED",
      () => {
        const state = new StreamState("opener");
        state.sendOpen();
        state.receiveFin(1);
      },
    ],
    ["FIN of a stream that was never opened", () => openAcceptor().receiveFin(2)],
    ["RESET of a stream that was never opened", () => openAcceptor().receiveReset(2)],
  ])("%s", (_name, act) => {
    expect(act).toThrow(ProtocolError);
  });
});

describe("what belongs to a stream that is gone is dropped:", () => {
  test.each<[string, () => boolean]>([
    [
      "DATA after our RESET",
      () => {
        const state = openOpener();
        state.sendReset();
        return state.receiveData();
      },
    ],
    [
      "DATA of the last stream while the next is opening",
      () => {
        const state = openOpener();
        state.sendReset();
        state.sendOpen();
        return state.receiveData();
      },
    ],
    ...(["receiveFin", "receiveReset", "receiveOpened", "receiveRefused"] as const).map(
      (receive): [string, () => boolean] => [
        `${receive} of the last stream while the next is opening`,
        () => {
          const state = openOpener();
          state.sendReset();
          state.sendOpen();
          return state[receive](1);
        },
      ],
    ),
    [
      "a RESET that crossed our FIN",
      () => {
        const state = openOpener();
        state.receiveFin(1);
        state.sendFin();
        return state.receiveReset(1);
      },
    ],
  ])("%s", (_name, act) => {
    expect(act()).toBe(false);
  });
});
