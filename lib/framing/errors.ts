/** The base of a codec's errors: bytes that are no message, or a message that cannot be encoded. */
export abstract class FrameRefusedError extends Error {
  abstract readonly code: string;

  protected constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
  }
}

/** A value that is longer than the protocol allows: received, and refused from its header, or to be sent. */
export class FrameTooLongError extends FrameRefusedError {
  readonly code = 'FRAME_TOO_LONG';

  constructor(
    readonly type: string,
    /** The value's size in bytes. */
    readonly length: number,
    /** The largest size allowed. */
    readonly limit: number,
  ) {
    super(`a value of ${length} bytes in a message of type ${JSON.stringify(type)}: at most ${limit} are allowed`);
  }
}

/** A message of a type that this end does not accept, refused from its header. */
export class UnknownTypeError extends FrameRefusedError {
  readonly code = 'UNKNOWN_TYPE';

  constructor(readonly type: string) {
    super(`a message of type ${JSON.stringify(type)}, which is not taken here`);
  }
}

/** A message to be sent whose type does not fit into the header's type field. */
export class InvalidTypeError extends FrameRefusedError {
  readonly code = 'INVALID_TYPE';

  constructor(
    readonly type: string,
    readonly typeBytes: number,
  ) {
    super(`${JSON.stringify(type)} is no type: ${typeBytes} characters of one byte each are needed`);
  }
}

/** Bytes that are not UTF-8, or a string with a lone surrogate, which has no UTF-8. */
export class InvalidTextError extends FrameRefusedError {
  readonly code = 'INVALID_TEXT';

  constructor(problem: string, cause?: unknown) {
    super(problem, cause);
  }
}
