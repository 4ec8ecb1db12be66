/** Who set which field is in the objects, but of no use to most readers, and not taken back by `apply`. */

/** @returns the object without `metadata.managedFields`, as kubectl shows it. */
export function withoutManagedFields<T extends { metadata?: object }>(object: T): T {
  if (object.metadata === undefined || !("managedFields" in object.metadata)) return object;
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}
