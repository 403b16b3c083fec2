import { parseArgs, type ParseArgsConfig } from 'node:util';
import { CodedError } from '../apps/runtime/coded_error';

/** Invalid arguments. The message is one line for the user. */
export class ArgumentError extends CodedError {
  readonly code = 'UNUSABLE_ARGUMENTS';
}

/**
 * Parses the options of the command line.
 *
 * @throws ArgumentError for an unknown option.
 */
export function parseOptions<Options extends NonNullable<ParseArgsConfig['options']>>(
  options: Options,
): ReturnType<typeof parseArgs<{ options: Options }>>['values'] {
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    throw new ArgumentError((error as Error).message.replaceAll(/\s+/g, ' '));
  }
}

/** Parses a whole number in decimal digits, within limits. */
export function parseWholeNumber(name: string, text: string, least: number, most: number): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new ArgumentError(`${name} must be a whole number from ${least} to ${most}, but is ${JSON.stringify(text)}`);
}
