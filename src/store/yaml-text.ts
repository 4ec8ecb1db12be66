/** YAML as people write it, with the line of a fault: the runtime's parser names none. Pure. */

/** Larger documents are not searched for the line: that takes as many readings as there are lines behind it. */
const SEARCHED = { lines: 400, characters: 32_768 };

/**
 * @returns what the YAML text holds; an array for several documents.
 * @throws SyntaxError that names the first line up to which the text is no YAML, and what it says
 */
export function parseYaml(text: string): unknown {
  try {
    return Bun.YAML.parse(text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const line = faultyLine(text);
    const place = line === undefined ? "" : ` (line ${line.number}: ${JSON.stringify(line.text.slice(0, 80))})`;
    throw new SyntaxError(`${why}${place}`, { cause });
  }
}

/** The line behind the longest beginning of the first bad document that is YAML by itself. */
function faultyLine(text: string): { number: number; text: string } | undefined {
  const lines = text.split("\n");
  const starts = [0, ...lines.flatMap((line, index) => (index > 0 && /^---(\s|$)/.test(line) ? [index] : []))];
  for (const [place, start] of starts.entries()) {
    const document = lines.slice(start, starts[place + 1]);
    if (isYaml(document)) continue;
    const { length } = document.join("\n");
    if (document.length > SEARCHED.lines || length > SEARCHED.characters) return undefined;
    let good = document.length - 1;
    while (good > 0 && !isYaml(document.slice(0, good))) good -= 1;
    return { number: start + good + 1, text: document[good] ?? "" };
  }
  return undefined;
}

function isYaml(lines: readonly string[]): boolean {
  try {
    Bun.YAML.parse(lines.join("\n"));
    return true;
  } catch {
    return false;
  }
}
