/** The codes of an `E`. An agency retries after `retry` (the protocol's ↻), but not after `final`. */
const CODES = {
  'bad-type': 'final',
  'too-long': 'final',
  'bad-value': 'final',
  'bad-bet': 'final',
  'wrong-agency': 'final',
  'unknown-agency': 'final',
  unidentified: 'final',
  'out-of-order': 'final',
  'count-mismatch': 'final',
  superseded: 'final',
  timeout: 'retry',
  busy: 'retry',
  storage: 'retry',
  'shutting-down': 'retry',
} as const;

export type ProtocolErrorCode = keyof typeof CODES;

export const PROTOCOL_ERROR_CODES = Object.keys(CODES) as readonly ProtocolErrorCode[];

/** The end of a session by an `E`, on either side of the connection. */
export class ProtocolError extends Error {
  constructor(
    readonly code: ProtocolErrorCode,
    /** A description of the fault, without names and documents of persons. */
    readonly detail: string,
    options?: ErrorOptions,
  ) {
    super(`${code}: ${detail}`, options);
    this.name = 'ProtocolError';
  }

  /** Whether an agency continues in a new session. */
  get isRetryable(): boolean {
    return CODES[this.code] === 'retry';
  }

  /** Parses the value of an `E`. Returns undefined for an unknown code or another form. */
  static parse(value: string): ProtocolError | undefined {
    const match = /^([a-z-]+): (.*)$/su.exec(value);
    if (match === null || !Object.hasOwn(CODES, match[1]!)) return undefined;
    return new ProtocolError(match[1] as ProtocolErrorCode, match[2]!);
  }
}
