import { parseCanonicalNumber } from '../../protocol/canonical_number';
import { SettingsError } from '../../runtime/settings';
import { type ServerSettings } from '../settings';

const MAX_DRAW = 2 ** 31 - 1;

/**
 * Reads the option --draw, the number of a draw in the database; undefined stands for the current one.
 *
 * @throws SettingsError
 */
export function parseDraw({ SERVER_STORE: store }: ServerSettings, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (store === 'file') throw new SettingsError('--draw is for SERVER_STORE=postgres: a data directory has one draw');
  const draw = parseCanonicalNumber(text) ?? 0;
  if (draw >= 1 && draw <= MAX_DRAW) return draw;
  throw new SettingsError(`--draw must be the number of a draw, but is ${JSON.stringify(text)}`);
}
