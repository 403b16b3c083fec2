import { SockwrightError } from '../errors';

/**
 * The base of a codec's errors: bytes that are no message, or a message that cannot be encoded. It has no addresses, since a
 * codec serves any number of connections.
 */
export abstract class FrameRefusedError extends SockwrightError {
  protected constructor(message: string, cause?: unknown) {
    super(message, cause);
  }
}

/**
 * A message that is longer than the protocol, or the `FramedSocket`, allows: received, and refused before its bytes are
 * waited for, or to be sent.
 */
export class FrameTooLongError extends FrameRefusedError {
  readonly code = 'FRAME_TOO_LONG';

  constructor(
    /** The part whose size is limited, for the message: `a value`, for instance. */
    part: string,
    /** Its size in bytes; of a part without an end yet, the size that it has at least. */
    readonly length: number,
    /** The largest size allowed. */
    readonly limit: number,
    /** The type of the message, if its protocol has types. */
    readonly type?: string | number,
  ) {
    const owner = type === undefined ? '' : ` in a message of type ${JSON.stringify(type)}`;
    super(`${part} of ${length} bytes${owner}: at most ${limit} are allowed`);
  }
}

/** Bytes that are no frame of the protocol, a length that is no number for instance: the next message cannot be found. */
export class InvalidFrameError extends FrameRefusedError {
  readonly code = 'INVALID_FRAME';

  /** @param problem the fault of the frame, for the message. */
  constructor(problem: string) {
    super(problem);
  }
}

/** A message of a type that this end does not accept, refused from its header. */
export class UnknownTypeError extends FrameRefusedError {
  readonly code = 'UNKNOWN_TYPE';

  constructor(readonly type: string | number) {
    super(`a message of type ${JSON.stringify(type)}, which is not taken here`);
  }
}

/** A message to be sent whose type does not fit into the header's type field. */
export class InvalidTypeError extends FrameRefusedError {
  readonly code = 'INVALID_TYPE';

  constructor(
    readonly type: string | number,
    /** The size of the type field, in bytes. */
    readonly typeBytes: number,
    problem: string,
  ) {
    super(`${JSON.stringify(type)} is no type: ${problem}`);
  }
}

/** Bytes that are not UTF-8, or a string with a lone surrogate, which has no UTF-8. */
export class InvalidTextError extends FrameRefusedError {
  readonly code = 'INVALID_TEXT';

  constructor(problem: string, cause?: unknown) {
    super(problem, cause);
  }
}

/**
 * A value that the format or the framing does not have: received text that is not JSON, or a line to be sent that
 * contains its delimiter. An error of the program's own check is the `cause`.
 */
export class InvalidValueError extends FrameRefusedError {
  readonly code = 'INVALID_VALUE';

  constructor(problem: string, cause?: unknown) {
    super(problem, cause);
  }
}
