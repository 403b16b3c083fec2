/** A bet as in the exercise: an object with six fields. */
export interface Bet {
  readonly agency: string;
  readonly firstName: string;
  readonly lastName: string;
  readonly document: string;
  readonly birthdate: string;
  readonly number: string;
}

/** @throws Error the row does not have six fields, or one of them is invalid. */
export function parseBet(row: string): Bet {
  const fields = row.split(',');
  const [agency, firstName, lastName, document, birthdate, number] = fields as [
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  const isBet =
    fields.length === 6 &&
    firstName.trim() !== '' &&
    lastName.trim() !== '' &&
    /^\d{1,12}$/.test(document) &&
    /^\d{4}-\d{2}-\d{2}$/.test(birthdate) &&
    !Number.isNaN(Date.parse(birthdate)) &&
    /^\d{1,4}$/.test(number);
  if (!isBet) throw new Error(`no bet: ${row}`);
  return { agency, firstName, lastName, document, birthdate, number };
}

export function formatBet(bet: Bet): string {
  return [bet.agency, bet.firstName, bet.lastName, bet.document, bet.birthdate, bet.number].join(',');
}
