/** Why a session is ended by an `E`, and whether the agency tries again after it (the protocol's ↻). */
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

/** A session that is over: what the server says in an `E`, on either side of the wire. */
export class ProtocolError extends Error {
  constructor(
    readonly code: ProtocolErrorCode,
    /** What is wrong, in words. They name no person and no document. */
    readonly detail: string,
    options?: ErrorOptions,
  ) {
    super(`${code}: ${detail}`, options);
    this.name = 'ProtocolError';
  }

  /** Whether an agency goes on with a new session. */
  get isRetryable(): boolean {
    return CODES[this.code] === 'retry';
  }

  /** Reads the value of an `E`; undefined where it is none that the protocol has. */
  static parse(value: string): ProtocolError | undefined {
    const match = /^([a-z-]+): (.*)$/su.exec(value);
    if (match === null || !Object.hasOwn(CODES, match[1]!)) return undefined;
    return new ProtocolError(match[1] as ProtocolErrorCode, match[2]!);
  }
}
