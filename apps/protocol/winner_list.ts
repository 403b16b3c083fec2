import { MSG_MAX_LENGTH } from './messages';

const SEPARATOR = ',';

/**
 * Splits the documents into the values of `R` messages: as few as possible, no document split, none without winners.
 * The values are generated lazily.
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

/** Parses the documents from the value of an `R`. */
export function parseWinners(value: string): string[] {
  return value === '' ? [] : value.split(SEPARATOR);
}
