/** `/explain` for people. */

import { PEER_NAME } from "../policy/attributes.ts";
import type { ConsideredPolicy, ExplainedCandidate, Explanation } from "../snapshot/status.ts";
import { table } from "./columns.ts";
import { clientText } from "./explain-client.ts";
import { shellWord } from "./shell-word.ts";

/**
 * @returns the explanation as lines: the verdict, who asks, and for each candidate what every policy came to. Where an
 * importing site allows the connection, the question for the exporting site comes last, since that one decides, too.
 */
export function explanationLines(explanation: Explanation): string[] {
  const unknown = explanation.unknown.length === 0 ? [] : [`Unknown   ${explanation.unknown.join(", ")}`];
  return [
    `${explanation.allowed ? "ALLOWED" : "REFUSED"}: ${explanation.summary}`,
    "",
    ...attributeLines("From", explanation.from),
    ...unknown,
    ...explanation.candidates.flatMap((candidate, index) =>
      candidateLines(candidate, index, explanation.candidates.length),
    ),
    ...farSideLines(explanation),
  ];
}

function farSideLines({ allowed, from, candidates }: Explanation): string[] {
  const source = allowed ? candidates.find((candidate) => candidate.allowed)?.source : undefined;
  const peer = from[PEER_NAME];
  if (source === undefined || peer === undefined) return [];
  const client = clientText(from);
  const words = [
    ...["--peer", peer, ...(client === undefined ? [] : ["--client", client])],
    ...["--export", `${source.exportNamespace}/${source.exportName}`],
  ];
  const command = `clusterlink explain ${words.map(shellWord).join(" ")}`;
  return ["", `Site ${source.peer} decides, too. Ask it there: ${command}`];
}

function candidateLines(candidate: ExplainedCandidate, index: number, count: number): string[] {
  const { source } = candidate;
  const name =
    source === undefined ? "The export" : `Source ${source.peer}: ${source.exportNamespace}/${source.exportName}`;
  const place = count > 1 ? `${index + 1}. ` : "";
  return [
    "",
    `${place}${name} - ${candidate.allowed ? "allowed" : "refused"} by ${candidate.decidedBy}`,
    `   ${candidate.reason}`,
    ...attributeLines("   To", candidate.to),
    ...consideredLines(candidate.considered).map((line) => `   ${line}`),
  ];
}

function attributeLines(title: string, attributes: Record<string, string>): string[] {
  const pairs = Object.entries(attributes).map(([key, value]) => `${key}=${value}`);
  const label = title.padEnd(10);
  if (pairs.length === 0) return [`${label}nothing known`];
  return pairs.map((pair, index) => (index === 0 ? label : " ".repeat(label.length)) + pair);
}

function consideredLines(considered: ConsideredPolicy[]): string[] {
  if (considered.length === 0) return ["No policy was considered: nothing allows it, so it is refused"];
  const rows = considered.map((one) => [
    one.policy,
    one.tier,
    one.action,
    one.from,
    one.to,
    one.decisive ? "<- decides" : "",
  ]);
  return table(["policy", "tier", "action", "from", "to", ""], rows);
}
