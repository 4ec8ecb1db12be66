/**
 * @returns the words that start this program again: the executable, and its entry file where it runs from source.
 * A compiled executable has its entry in a virtual folder, which means nothing to a new process.
 */
export function executableWords(): string[] {
  const compiled = Bun.main.startsWith("/$bunfs/") || /^[A-Z]:[\\/]~BUN[\\/]/.test(Bun.main);
  return compiled ? [process.execPath] : [process.execPath, Bun.main];
}
