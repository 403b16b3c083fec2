import { type StreamSocket } from '../../lib/index';
import { escapeUnits, printable } from './printable';

/** The severity of a line. The names are those of Python's logging, as the course's tools expect. */
export const LOG_LEVELS = ['DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL'] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];
export type LogResult = 'success' | 'fail' | 'in_progress';
export type LogFields = Readonly<Record<string, string | number | boolean>>;

/** The fields of a connection's peer: `ip` and `port`, if it has them. */
export function describePeer({ remoteAddress }: Pick<StreamSocket, 'remoteAddress'>): Record<string, string | number> {
  if (remoteAddress?.host === undefined) return {};
  return { ip: remoteAddress.host, port: remoteAddress.port };
}

/** A receiver of complete lines, each with its line break. */
export type LogSink = (lines: string) => void;

/**
 * The log of a program: one line for each action, `YYYY-MM-DD HH:MM:SS LEVEL    action: NAME | result: RESULT | key:
 * value | …` in local time.
 *
 * Any value keeps the line whole and the fields apart: `|` and the characters of printable.ts are escaped.
 */
export class ActionLog {
  private readonly threshold: number;
  /** The formatted time of the previous line, reused within the same second. */
  private second = NaN;
  private timestamp = '';

  constructor(
    level: LogLevel,
    private readonly sink: LogSink,
    private readonly now: () => Date = () => new Date(),
  ) {
    this.threshold = LOG_LEVELS.indexOf(level);
  }

  /** Whether DEBUG lines are written. Callers check it before work that only these lines need. */
  get isDebugging(): boolean {
    return this.threshold <= LOG_LEVELS.indexOf('DEBUG');
  }

  debug(action: string, result: LogResult, fields?: LogFields): void {
    this.write('DEBUG', action, result, fields);
  }

  info(action: string, result: LogResult, fields?: LogFields): void {
    this.write('INFO', action, result, fields);
  }

  warning(action: string, result: LogResult, fields?: LogFields): void {
    this.write('WARNING', action, result, fields);
  }

  error(action: string, result: LogResult, fields?: LogFields): void {
    this.write('ERROR', action, result, fields);
  }

  critical(action: string, result: LogResult, fields?: LogFields): void {
    this.write('CRITICAL', action, result, fields);
  }

  private write(level: LogLevel, action: string, result: LogResult, fields: LogFields = {}): void {
    if (LOG_LEVELS.indexOf(level) < this.threshold) return;
    let line = `${this.timestampNow()} ${level.padEnd(8)} action: ${action} | result: ${result}`;
    for (const key in fields) line += ` | ${key}: ${escapeField(String(fields[key]))}`;
    this.sink(`${line}\n`);
  }

  private timestampNow(): string {
    const now = this.now();
    const second = Math.floor(now.getTime() / 1000);
    if (second !== this.second) {
      this.second = second;
      this.timestamp = formatTime(now);
    }
    return this.timestamp;
  }
}

/** Matches the separator of fields, and all characters other than printable ASCII. */
const NOT_PLAIN = /[^ -{}~]/;

function escapeField(text: string): string {
  return NOT_PLAIN.test(text) ? printable(text).replaceAll('|', escapeUnits) : text;
}

function formatTime(date: Date): string {
  const day = `${date.getFullYear()}-${twoDigits(date.getMonth() + 1)}-${twoDigits(date.getDate())}`;
  return `${day} ${twoDigits(date.getHours())}:${twoDigits(date.getMinutes())}:${twoDigits(date.getSeconds())}`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}
