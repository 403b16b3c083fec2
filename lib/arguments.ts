/** Checks of arguments: programs without types may pass anything. */

/** @throws RangeError unless `value` is a whole number from `least` to `most`. */
export function requireWholeNumber(name: string, value: number, least: number, most?: number): void {
  if (Number.isSafeInteger(value) && value >= least && (most === undefined || value <= most)) return;
  const range = most === undefined ? `, at least ${least}` : ` from ${least} to ${most}`;
  throw new RangeError(`${name} must be a whole number${range}, but is ${describe(value)}`);
}

/** @throws TypeError unless `bytes` is a `Uint8Array`, such as a `Buffer`. */
export function requireByteArray(bytes: Uint8Array): void {
  if (!(bytes instanceof Uint8Array)) throw new TypeError('bytes must be a Uint8Array, a Buffer for instance');
}

/** @throws TypeError unless `value` is a string of at least one character. */
export function requireText(name: string, value: string): void {
  if (typeof value === 'string' && value !== '') return;
  throw new TypeError(`${name} must be a text that is not empty, but is ${describe(value)}`);
}

/** @throws TypeError unless `host` is a string that can be a name or an address. */
export function requireHost(host: string): void {
  requireText('host', host);
  if (host.includes('\0')) throw new TypeError('host must be a text without the character U+0000');
}

/** @throws TypeError unless `value` is a boolean or undefined. */
export function requireOptionalBoolean(name: string, value: boolean | undefined): void {
  if (value === undefined || typeof value === 'boolean') return;
  throw new TypeError(`${name} must be true or false, but is ${describe(value)}`);
}

/** @throws TypeError unless `value` is a function or undefined. */
export function requireOptionalFunction(name: string, value: unknown): void {
  if (value === undefined || typeof value === 'function') return;
  throw new TypeError(`${name} must be a function, but is ${describe(value)}`);
}

/** @throws TypeError unless `value` is an object. */
export function requireObject(name: string, value: unknown): void {
  if (typeof value === 'object' && value !== null) return;
  throw new TypeError(`${name} must be an object, but is ${describe(value)}`);
}

/** A value of any type in one line: an object by its type only, since it may be large. */
function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}
