/** Variables that look like the gateway's and are not: one that is mistyped would count for nothing, in silence. */
import { nearest } from "./nearest.ts";

const PREFIX = "CLUSTERLINK_";

/**
 * @param known - the variables that the gateway reads.
 * @returns each variable that is one of them but for a few letters, and what was meant. Others with the same beginning are
 * left alone: Kubernetes gives the pods of a namespace such names for its Service `clusterlink`.
 */
export function mistypedVariables(
  environment: Readonly<Record<string, string | undefined>>,
  known: readonly string[],
): { given: string; meant: string }[] {
  const rests = known.map((name) => name.slice(PREFIX.length));
  return Object.keys(environment).flatMap((given) => {
    if (!given.startsWith(PREFIX) || known.includes(given)) return [];
    const meant = nearest(given.slice(PREFIX.length), rests);
    return meant === undefined ? [] : [{ given, meant: PREFIX + meant }];
  });
}
