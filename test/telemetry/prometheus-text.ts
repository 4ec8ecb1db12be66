/** A strict reader of Prometheus' text format 0.0.4: throws on whatever a scraper would refuse or misread. */
export interface ParsedFamily {
  type: string;
  help: string;
  /** By the sample's name and labels, as they stand: `name{a="b"}`. */
  samples: Map<string, number>;
}

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (\S+)$/;

export function parsePrometheus(text: string): Map<string, ParsedFamily> {
  if (!text.endsWith("\n")) throw new Error("the last line has no end");
  const families = new Map<string, ParsedFamily>();
  let current: { name: string; family: ParsedFamily } | undefined;
  let help: { name: string; text: string } | undefined;
  for (const line of text.split("\n").slice(0, -1)) {
    if (line === "") continue;
    const comment = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line);
    if (comment?.[1] === "HELP") help = { name: comment[2]!, text: comment[3]! };
    else if (comment?.[1] === "TYPE") {
      const [, , name = "", type = ""] = comment;
      if (families.has(name)) throw new Error(`${name} stands twice`);
      if (help?.name !== name) throw new Error(`${name} has no help`);
      if (!["counter", "gauge", "histogram"].includes(type)) throw new Error(`${name} has the type ${type}`);
      current = { name, family: { type, help: help.text, samples: new Map() } };
      families.set(name, current.family);
    } else if (current === undefined) throw new Error(`a sample without a type: ${line}`);
    else addSample(current.name, current.family, line);
  }
  for (const [name, family] of families) if (family.type === "histogram") checkHistogram(name, family);
  return families;
}

function addSample(name: string, family: ParsedFamily, line: string): void {
  const match = SAMPLE.exec(line);
  if (match === null) throw new Error(`no sample: ${line}`);
  const [, sample = "", labels = "", value = ""] = match;
  const names = family.type === "histogram" ? ["_bucket", "_sum", "_count"].map((end) => name + end) : [name];
  if (!names.includes(sample)) throw new Error(`${sample} stands under ${name}`);
  const key = `${sample}{${labels
    .replace(/,$/, "")
    .split(/,(?=[a-z_]+=")/)
    .sort()
    .join(",")}}`;
  if (family.samples.has(key)) throw new Error(`${key} stands twice`);
  const number = value === "+Inf" ? Number.POSITIVE_INFINITY : Number(value);
  if (Number.isNaN(number)) throw new Error(`no number: ${line}`);
  if (family.type === "counter" && number < 0) throw new Error(`a counter below 0: ${line}`);
  family.samples.set(key, number);
}

function checkHistogram(name: string, { samples }: ParsedFamily): void {
  const last = new Map<string, { bound: number; count: number }>();
  for (const [key, count] of samples) {
    const match = /^(\w+)_bucket\{(.*)\}$/.exec(key);
    if (match === null) continue;
    const labels = match[2]!.split(",");
    const le = labels.find((label) => label.startsWith('le="'))!.slice(4, -1);
    const series = labels.filter((label) => !label.startsWith('le="')).join(",");
    const bound = le === "+Inf" ? Number.POSITIVE_INFINITY : Number(le);
    const before = last.get(series);
    if (before !== undefined && (bound <= before.bound || count < before.count)) throw new Error(`${key} falls`);
    last.set(series, { bound, count });
  }
  for (const [series, { bound, count }] of last) {
    if (bound !== Number.POSITIVE_INFINITY) throw new Error(`${name}{${series}} has no +Inf bucket`);
    if (samples.get(`${name}_count{${series}}`) !== count)
      throw new Error(`${name}_count{${series}} is not its +Inf bucket`);
  }
}
