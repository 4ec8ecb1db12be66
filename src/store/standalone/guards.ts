/** What every write is held to before it touches the file. */
import type { KindName, ResourceOf } from "../../resources/kinds.ts";
import { conflict, StoreError } from "../errors.ts";
import type { Row } from "./object-table.ts";

/** What the stored object must be; an empty or absent field asks for nothing. */
export interface Preconditions {
  uid?: string;
  resourceVersion?: string;
}

/** Upper bound of a stored object, in bytes of JSON. */
const LARGEST = 1024 * 1024;

/** @throws {@link StoreError} `Conflict` when the stored object is not the one that the writer had in mind */
export function checkPreconditions(kind: KindName, row: Row, wanted: Preconditions): void {
  const { metadata } = row.object;
  if (wanted.uid && wanted.uid !== metadata.uid) {
    throw conflict(
      kind,
      metadata.name,
      `Precondition failed: UID in precondition: ${wanted.uid}, UID in object meta: ${metadata.uid}`,
    );
  }
  if (wanted.resourceVersion && wanted.resourceVersion !== metadata.resourceVersion) {
    throw conflict(
      kind,
      metadata.name,
      "the object has been modified; please apply your changes to the latest version and try again",
    );
  }
}

/** @throws {@link StoreError} `Conflict`, naming the file, when the object belongs to a manifest file */
export function refuseOwned(kind: KindName, row: Row): void {
  if (row.origin === null) return;
  throw conflict(
    kind,
    row.object.metadata.name,
    `it comes from the manifest file ${JSON.stringify(row.origin)}; change it there`,
  );
}

/** @throws {@link StoreError} `Invalid` when the object is larger than the store takes */
export function checkSize(kind: KindName, object: ResourceOf<KindName>): void {
  if (Buffer.byteLength(JSON.stringify(object)) <= LARGEST) return;
  const message = `Too long: an object may not be larger than ${LARGEST} bytes`;
  throw new StoreError("Invalid", message, {
    kind,
    name: object.metadata.name,
    faults: [{ path: "", type: "FieldValueTooLong", message }],
  });
}

/** @returns the error itself if it is a store's, else `Unavailable` with it as the cause. */
export function asStoreError(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new StoreError("Unavailable", `the store failed: ${reason}`, { cause: error });
}
