/** One bet, with its fields as unchanged text. */
export interface Bet {
  readonly firstName: string;
  readonly lastName: string;
  /** The person's document: 1 to 12 digits. */
  readonly document: string;
  /** `YYYY-MM-DD` */
  readonly birthdate: string;
  /** 1 to 4 digits. The winning number is compared by value. */
  readonly number: string;
}

const CONTROL_CHARACTER = /\p{Cc}/u;
const NOTHING_BUT_WHITE_SPACE = /^\p{White_Space}*$/u;
const DOCUMENT = /^[0-9]{1,12}$/;
const BIRTHDATE = /^([0-9]{4})-([0-9]{2})-([0-9]{2})$/;
const NUMBER = /^[0-9]{1,4}$/;
const NAME_MAX_CHARACTERS = 100;

/**
 * Returns the first fault of a bet, or undefined. The text does not repeat the bet's values, because it goes to logs.
 */
export function findFaultInBet(bet: Bet): string | undefined {
  return (
    findFaultInName('first_name', bet.firstName) ??
    findFaultInName('last_name', bet.lastName) ??
    (DOCUMENT.test(bet.document) ? undefined : 'document is not 1 to 12 digits') ??
    findFaultInBirthdate(bet.birthdate) ??
    (NUMBER.test(bet.number) ? undefined : 'number is not 1 to 4 digits')
  );
}

function findFaultInName(field: string, name: string): string | undefined {
  if (CONTROL_CHARACTER.test(name)) return `${field} holds a control character`;
  // Decoded UTF-8 has no lone surrogates. Text of a settings file may have them, and they would be stored as another
  // character.
  if (!name.isWellFormed()) return `${field} holds a lone surrogate`;
  if (NOTHING_BUT_WHITE_SPACE.test(name)) return `${field} is empty or white space`;
  const characters = Array.from(name).length;
  if (characters > NAME_MAX_CHARACTERS) {
    return `${field} has ${characters} characters, more than ${NAME_MAX_CHARACTERS}`;
  }
  return undefined;
}

function findFaultInBirthdate(birthdate: string): string | undefined {
  const match = BIRTHDATE.exec(birthdate);
  if (match === null) return 'birthdate is not YYYY-MM-DD';
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  return isExistingDay(year, month, day) ? undefined : 'birthdate is no day that exists';
}

const DAYS_OF_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/**
 * Whether the day exists in the Gregorian calendar of ISO 8601, from the year 1 on. Common libraries have no year 0,
 * and neither has the course's.
 */
export function isExistingDay(year: number, month: number, day: number): boolean {
  if (year < 1 || month < 1 || month > 12 || day < 1) return false;
  const isLeapYear = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  return day <= DAYS_OF_MONTH[month - 1]! + (month === 2 && isLeapYear ? 1 : 0);
}
