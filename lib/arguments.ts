/** Checks of arguments: programs without types may pass anything. */

/** @throws RangeError unless `value` is a whole number from `least` to `most`. */
export function requireWholeNumber(name: string, value: number, least: number, most?: number): void {
  if (Number.isSafeInteger(value) && value >= least && (most === undefined || value <= most)) return;
  const range = most === undefined ? `, at least ${least}` : ` from ${least} to ${most}`;
  throw new RangeError(`${name} must be a whole number${range}, but is ${value}`);
}

/** @throws TypeError unless `bytes` is a `Uint8Array`, such as a `Buffer`. */
export function requireByteArray(bytes: Uint8Array): void {
  if (!(bytes instanceof Uint8Array)) throw new TypeError('bytes must be a Uint8Array, a Buffer for instance');
}
