import { MSG_MAX_LENGTH } from './protocol';

const SEPARATOR = ',';

/** The values of the `R` messages that name these winners: as few as hold them, none split; none for no winner. */
export function splitWinners(documents: readonly string[]): string[] {
  const values: string[] = [];
  let value = '';
  for (const document of documents) {
    if (value !== '' && value.length + SEPARATOR.length + document.length > MSG_MAX_LENGTH) {
      values.push(value);
      value = '';
    }
    value += value === '' ? document : SEPARATOR + document;
  }
  return value === '' ? values : [...values, value];
}

/** The documents that the value of an `R` names. */
export function parseWinners(value: string): string[] {
  return value === '' ? [] : value.split(SEPARATOR);
}
