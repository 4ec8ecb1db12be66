/**
 * @returns a function that makes a row of each object once. Stored objects are never changed in place, so an object that
 * is the same gives the row that is the same, and comparing two states of a table skips what did not change.
 */
export function rememberRows<T extends object, Row>(make: (object: T) => Row): (object: T) => Row {
  const rows = new WeakMap<T, Row>();
  return (object) => {
    let row = rows.get(object);
    if (row === undefined) {
      row = make(object);
      rows.set(object, row);
    }
    return row;
  };
}
