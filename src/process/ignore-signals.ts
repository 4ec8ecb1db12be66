/**
 * Leaves SIGTERM and SIGINT to the supervisor: a signal to the whole process group (Ctrl-C in a terminal) is the same
 * then as one to the supervisor alone, which tells its children what to do by their standard input.
 */
export function ignoreSignals(): void {
  process.on("SIGTERM", ignore);
  process.on("SIGINT", ignore);
}

function ignore(): void {
  // A handler is what keeps the signal from ending the process.
}
