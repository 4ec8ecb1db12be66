/** The judgement on an object from outside: the typed resource, or everything that is wrong with it. */
import type { z } from "zod";
import { type Fault, type FaultType, formatPath } from "./faults.ts";
import { KINDS, type KindName, type ResourceOf } from "./kinds.ts";
import { API_VERSION, MERGE_LABEL } from "./meta.ts";
import { objectMeta } from "./object-meta.ts";
import { prune } from "./prune.ts";
import { type JsonSchema, objectMetaSchema, specSchema, statusSchema } from "./schema.ts";
import { toFaults } from "./zod-faults.ts";

export interface ValidateOptions {
  /**
   * What becomes of fields that the kind does not have: `refuse` (the default) makes each a fault, as strict field
   * validation does; `drop` leaves them out and tells them in `unknown`.
   */
  unknownFields?: "refuse" | "drop";
}

export type Validated<K extends KindName> =
  | {
      ok: true;
      /** With defaults applied. What only the server sets (`uid`, `resourceVersion`, `generation`, …) is as it was sent, or empty. */
      object: ResourceOf<K>;
      /** Fields that were dropped; always empty with `refuse`. */
      unknown: Fault[];
    }
  | {
      ok: false;
      /** At least one; one a field, sorted by where they stand: type, metadata, spec, status. */
      faults: Fault[];
    };

/**
 * Judges an object of a kind and applies the defaults. Pure: the input is not changed. A namespaced kind needs
 * `metadata.namespace`; `metadata.name` may be missing where `generateName` is given.
 */
export function validate<K extends KindName>(kind: K, input: unknown, options: ValidateOptions = {}): Validated<K> {
  if (!isRecord(input)) {
    const message = `Invalid value: must be an object with apiVersion, kind, metadata and spec`;
    return { ok: false, faults: [{ path: "", type: "FieldValueTypeInvalid", message }] };
  }
  const schemas = schemasOf(kind);
  const metadata = checkPart(objectMeta, schemas.metadata, withoutEmpty(input.metadata ?? {}), "metadata");
  const spec = checkPart(KINDS[kind].spec, schemas.spec, input.spec ?? undefined, "spec");
  const status =
    input.status === undefined || input.status === null
      ? undefined
      : checkPart(KINDS[kind].status, schemas.status, input.status, "status");
  const parts = status ? [metadata, spec, status] : [metadata, spec];
  const unknown = [...unknownTopLevel(input), ...parts.flatMap((part) => part.unknown)];
  const meta = isRecord(metadata.value) ? metadata.value : {};
  const faults = [
    ...typeFaults(kind, input),
    ...firstOfEach([...metadata.faults, ...identityFaults(kind, meta), ...labelFaults(kind, meta)]),
    ...parts.slice(1).flatMap((part) => part.faults),
    ...(options.unknownFields === "drop" ? [] : unknown),
  ];
  if (faults.length > 0) return { ok: false, faults };
  const { deletionGracePeriodSeconds, selfLink, ...known } = meta;
  const object: unknown = {
    apiVersion: API_VERSION,
    kind,
    metadata: { name: "", ...known, ...serverFields(meta) },
    spec: spec.value,
    ...(status ? { status: status.value } : {}),
  };
  return { ok: true, object: object as ResourceOf<K>, unknown };
}

interface Part {
  value: unknown;
  faults: Fault[];
  unknown: Fault[];
}

function checkPart(zod: z.ZodType, schema: JsonSchema, input: unknown, name: string): Part {
  const { value, unknown, refused } = prune(schema, input, [name]);
  const result = zod.safeParse(value, { reportInput: true });
  if (result.success) return { value: result.data, faults: refused, unknown };
  const faults = toFaults({ ...schema, description: PART_REMEDY[name] ?? "" }, result.error.issues, [name]);
  return { value, faults: [...faults, ...refused], unknown };
}

const PART_REMEDY: Record<string, string> = { spec: "must be given; it says what is wanted" };

function typeFaults(kind: KindName, input: Record<string, unknown>): Fault[] {
  return [expectText("apiVersion", input.apiVersion, API_VERSION), expectText("kind", input.kind, kind)].flat();
}

function expectText(path: string, value: unknown, wanted: string): Fault[] {
  if (value === wanted) return [];
  if (value === undefined || value === "") {
    return [{ path, type: "FieldValueRequired", message: `Required value: must be "${wanted}"` }];
  }
  const shown = typeof value === "string" ? JSON.stringify(value.slice(0, 120)) : typeof value;
  return [{ path, type: "FieldValueInvalid", message: `Invalid value: ${shown}: must be "${wanted}"` }];
}

function identityFaults(kind: KindName, metadata: Record<string, unknown>): Fault[] {
  const { namespaced, maxNameLength, singular } = KINDS[kind];
  const { name, generateName, namespace } = metadata;
  const faults: Fault[] = [];
  const add = (field: string, type: FaultType, message: string) =>
    faults.push({ path: `metadata.${field}`, type, message });
  if (name === undefined && generateName === undefined)
    add("name", "FieldValueRequired", "Required value: name or generateName is required");
  if (typeof name === "string" && maxNameLength !== undefined && name.length > maxNameLength) {
    add(
      "name",
      "FieldValueTooLong",
      `Too long: the name of an ${singular} may not be more than ${maxNameLength} characters, has ${name.length}`,
    );
  }
  if (namespaced && namespace === undefined) {
    add("namespace", "FieldValueRequired", `Required value: ${singular} is a namespaced kind`);
  }
  if (!namespaced && namespace !== undefined) {
    add("namespace", "FieldValueForbidden", `Forbidden: ${singular} is a cluster-scoped kind; leave the namespace out`);
  }
  return faults;
}

function labelFaults(kind: KindName, metadata: Record<string, unknown>): Fault[] {
  const merge = kind === "Import" && isRecord(metadata.labels) ? metadata.labels[MERGE_LABEL] : undefined;
  if (typeof merge !== "string" || merge === "true" || merge === "false") return [];
  const message = `Unsupported value: ${JSON.stringify(merge.slice(0, 120))}: supported values: "true", "false"`;
  return [{ path: formatPath(["metadata", "labels", MERGE_LABEL]), type: "FieldValueNotSupported", message }];
}

function unknownTopLevel(input: Record<string, unknown>): Fault[] {
  const known = ["apiVersion", "kind", "metadata", "spec", "status"];
  return Object.keys(input)
    .filter((key) => !known.includes(key))
    .map((key) => {
      const path = formatPath([key]);
      return {
        path,
        type: "FieldValueUnknown",
        message: `unknown field "${path}"; the fields here are ${known.join(", ")}`,
      };
    });
}

/** An empty text where Go leaves a field out (`name`, `namespace`, `creationTimestamp`, …) counts as absent. */
function withoutEmpty(metadata: unknown): unknown {
  return isRecord(metadata)
    ? Object.fromEntries(Object.entries(metadata).filter(([, value]) => value !== ""))
    : metadata;
}

function firstOfEach(faults: Fault[]): Fault[] {
  const seen = new Set<string>();
  return faults.filter(({ path }) => seen.size < seen.add(path).size);
}

function serverFields(metadata: Record<string, unknown>): Record<string, unknown> {
  return {
    uid: metadata.uid ?? "",
    resourceVersion: metadata.resourceVersion ?? "",
    generation: metadata.generation ?? 0,
    creationTimestamp: metadata.creationTimestamp ?? "",
  };
}

interface Schemas {
  metadata: JsonSchema;
  spec: JsonSchema;
  status: JsonSchema;
}

const schemas = new Map<KindName, Schemas>();

function schemasOf(kind: KindName): Schemas {
  const known = schemas.get(kind);
  if (known) return known;
  const made = { metadata: objectMetaSchema(), spec: specSchema(kind), status: statusSchema(kind) };
  schemas.set(kind, made);
  return made;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
