import { parseCanonicalNumber } from './canonical_number';

const PREFIX = 'urn:lottery:agency:';

/**
 * The agency of a certificate, from its URIs (subjectAltName): exactly one of them is `urn:lottery:agency:ID`. URIs of other
 * kinds are allowed beside it.
 *
 * @returns undefined if there is no such URI, or several, or its id is no canonical number from 1 on.
 */
export function certifiedAgency(uris: readonly string[]): number | undefined {
  const ids = uris.filter((uri) => uri.startsWith(PREFIX)).map((uri) => uri.slice(PREFIX.length));
  if (ids.length !== 1) return undefined;
  const id = parseCanonicalNumber(ids[0]!);
  return id === 0 ? undefined : id;
}
