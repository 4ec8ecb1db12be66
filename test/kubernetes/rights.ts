/** Rights that are granted, beside those that are made use of. */
import type { PolicyRule } from "../../src/deploy/permissions.ts";
import type { TestServer } from "./test-server.ts";

/** @returns the rights of these rules that a user has not made use of since the reset, as `GROUP/RESOURCE VERB`. */
export function idleRights(
  server: TestServer,
  user: Parameters<TestServer["user"]>[0],
  rules: readonly PolicyRule[],
): string[] {
  const { name } = server.user(user);
  const asked = server.handled().filter((request) => request.user === name);
  const used = new Set(asked.map(({ group, resource, verb }) => `${group}/${resource} ${verb}`));
  return [...rightsOf(rules)].filter((right) => !used.has(right)).sort();
}

/** @returns what rules allow, as `GROUP/RESOURCE VERB`. */
export function rightsOf(rules: readonly PolicyRule[]): Set<string> {
  const all = rules.flatMap(({ apiGroups, resources, verbs }) =>
    apiGroups.flatMap((group) => resources.flatMap((resource) => verbs.map((verb) => `${group}/${resource} ${verb}`))),
  );
  return new Set(all);
}

/** @returns what a user was refused for want of a right, as `GROUP/RESOURCE VERB`; the first `skip` requests do not count. */
export function missingRights(server: TestServer, user: Parameters<TestServer["user"]>[0], skip: number): string[] {
  const { name } = server.user(user);
  const requests = server.handled().slice(skip);
  const refused = requests.filter((request) => request.user === name && request.forbidden);
  return [...new Set(refused.map(({ group, resource, verb }) => `${group}/${resource} ${verb}`))].sort();
}
