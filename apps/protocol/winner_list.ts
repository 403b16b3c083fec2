import { MSG_MAX_LENGTH } from './messages';

const SEPARATOR = ',';

/**
 * The values of the `R` messages that name these winners: as few as hold them, none split; none for no winner. Each is
 * made when it is asked for.
 */
export function* splitWinners(documents: Iterable<string>): Generator<string, void, undefined> {
  let value = '';
  for (const document of documents) {
    if (value !== '' && value.length + SEPARATOR.length + document.length > MSG_MAX_LENGTH) {
      yield value;
      value = '';
    }
    value += value === '' ? document : SEPARATOR + document;
  }
  if (value !== '') yield value;
}

/** The documents that the value of an `R` names. */
export function parseWinners(value: string): string[] {
  return value === '' ? [] : value.split(SEPARATOR);
}
