const CANONICAL = /^(?:0|[1-9][0-9]*)$/;

/**
 * Reads a canonical decimal: ASCII digits, no sign, no leading zero except in `0` itself.
 *
 * @returns undefined for other text. A number beyond the safe integers is rounded; it exceeds all counts and ids.
 */
export function parseCanonicalNumber(text: string): number | undefined {
  return CANONICAL.test(text) ? Number(text) : undefined;
}
