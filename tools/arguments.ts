import { parseArgs, type ParseArgsConfig } from 'node:util';

/** Arguments that cannot be used; the message is one line for whoever typed them. */
export class ArgumentError extends Error {
  readonly code = 'UNUSABLE_ARGUMENTS';

  constructor(message: string) {
    super(message);
    this.name = 'ArgumentError';
  }
}

/** The options on the command line. @throws ArgumentError for one that the tool does not have. */
export function parseOptions<Options extends NonNullable<ParseArgsConfig['options']>>(
  options: Options,
): ReturnType<typeof parseArgs<{ options: Options }>>['values'] {
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    throw new ArgumentError((error as Error).message.replaceAll(/\s+/g, ' '));
  }
}

/** A whole number of an argument, in decimal digits, within limits. */
export function parseWholeNumber(name: string, text: string, least: number, most: number): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new ArgumentError(`${name} must be a whole number from ${least} to ${most}, but is ${JSON.stringify(text)}`);
}
