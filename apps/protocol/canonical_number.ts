const CANONICAL = /^(?:0|[1-9][0-9]*)$/;

/**
 * Reads a canonical decimal: ASCII digits, no sign, no leading zero but in `0` itself.
 *
 * @returns undefined where the text is none. One beyond the safe integers is a number all the same (rounded): larger
 * than any count or id there is.
 */
export function parseCanonicalNumber(text: string): number | undefined {
  return CANONICAL.test(text) ? Number(text) : undefined;
}
