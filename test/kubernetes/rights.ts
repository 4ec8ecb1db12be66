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
  const granted = rules.flatMap(({ apiGroups, resources, verbs }) =>
    apiGroups.flatMap((group) => resources.flatMap((resource) => verbs.map((verb) => `${group}/${resource} ${verb}`))),
  );
  return [...new Set(granted)].filter((right) => !used.has(right)).sort();
}

/** @returns what a user was refused for want of a right since the reset, as `GROUP/RESOURCE VERB`. */
export function missingRights(server: TestServer, user: Parameters<TestServer["user"]>[0]): string[] {
  const { name } = server.user(user);
  const refused = server.handled().filter((request) => request.user === name && request.forbidden);
  return [...new Set(refused.map(({ group, resource, verb }) => `${group}/${resource} ${verb}`))].sort();
}
