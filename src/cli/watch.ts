/** `get -w`: the list first, then every change as it happens, over watches that end and are taken up again. */
import type { KindDefinition } from "../resources/kinds.ts";
import type { Client } from "./client.ts";
import { ApiError, CliError } from "./errors.ts";
import { jsonLines } from "./json-lines.ts";
import { qualifiedName, resourcePath } from "./kind.ts";
import { withoutManagedFields } from "./managed-fields.ts";
import { asJson, asYaml, print } from "./output.ts";
import { TABLE_TYPE, type Table, type TablePrinter } from "./table.ts";

export interface WatchQuery {
  definition: KindDefinition;
  namespace?: string;
  name?: string;
}

export interface WatchOptions {
  /** A label selector. */
  selector: string | undefined;
  output: "json" | "yaml" | "wide" | "name" | undefined;
  showManagedFields: true | undefined;
  printer: TablePrinter;
}

interface Versioned {
  metadata?: { name?: string; resourceVersion?: string };
  items?: Versioned[];
  rows?: Table["rows"];
}

interface WatchEventLine {
  type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  object: Versioned & { code?: number; reason?: string; message?: string };
}

/**
 * Prints what there is and then what changes, until the process ends. A watch that the gateway ends, or that breaks
 * because it is restarted, is resumed from the last version seen.
 *
 * Throws when the gateway stays away for more than ten seconds, or when the version is no longer retained.
 */
export async function watchLines(client: Client, query: WatchQuery, options: WatchOptions): Promise<void> {
  const { output, printer } = options;
  const tabular = output === undefined || output === "wide";
  const path = resourcePath(query.definition, query.namespace);
  const show = (object: Versioned) => {
    if (tabular) for (const line of printer.lines({ rows: [], ...object })) print(line);
    else
      for (const one of object.items ?? [object])
        print(asText(query.definition, options.showManagedFields ? one : withoutManagedFields(one), output));
  };
  const common = {
    labelSelector: options.selector,
    fieldSelector: query.name === undefined ? undefined : `metadata.name=${query.name}`,
  };
  const accept = tabular ? TABLE_TYPE : "application/json";
  const list = await client.json<Versioned>(path, { accept, query: common });
  if ((list.rows ?? list.items ?? []).length > 0) show(list);
  let resourceVersion = list.metadata?.resourceVersion;
  for (;;) {
    const watched = { ...common, watch: "true", allowWatchBookmarks: "true", resourceVersion };
    const response = await patiently(() => client.send(path, { accept, query: watched }));
    try {
      for await (const event of jsonLines<WatchEventLine>(response)) {
        if (event.type === "ERROR") throw watchError(event.object);
        resourceVersion = versionOf(event.object) ?? resourceVersion;
        if (event.type !== "BOOKMARK") show(event.object);
      }
    } catch (error) {
      if (error instanceof ApiError) throw error;
      await Bun.sleep(BETWEEN_TRIES);
    }
  }
}

/** Tries again while nobody answers, for as long as a gateway that is restarted may take. */
async function patiently(send: () => Promise<Response>): Promise<Response> {
  const end = Date.now() + PATIENCE;
  for (;;) {
    try {
      return await send();
    } catch (error) {
      if (!(error instanceof CliError && error.code === "unreachable") || Date.now() >= end) throw error;
      await Bun.sleep(BETWEEN_TRIES);
    }
  }
}

/** Milliseconds. */
const PATIENCE = 10_000;
const BETWEEN_TRIES = 200;

function versionOf(object: Versioned): string | undefined {
  return object.rows?.[0]?.object?.metadata?.resourceVersion ?? object.metadata?.resourceVersion;
}

function watchError(status: WatchEventLine["object"]): CliError {
  return new ApiError(status.code ?? 0, status.reason ?? "", `the watch ended: ${status.message ?? "no reason given"}`);
}

function asText(definition: KindDefinition, object: Versioned, output: string | undefined): string {
  if (output === "name") return qualifiedName(definition, object.metadata?.name ?? "");
  return output === "yaml" ? `---\n${asYaml(object)}` : asJson(object);
}
