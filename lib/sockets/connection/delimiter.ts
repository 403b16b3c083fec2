import { type IncompleteFrame } from './frame_decoder';

/** Bytes at which a frame ends, and the search for them. */
export class Delimiter {
  readonly length: number;
  /** A search for a single byte, given as a number, costs less. */
  private readonly needle: Buffer | number;

  /** @param bytes one byte or more; the delimiter keeps them. */
  constructor(readonly bytes: Buffer) {
    this.length = bytes.length;
    this.needle = bytes.length === 1 ? bytes[0]! : bytes;
  }

  /**
   * The length of the frame at `offset`, the delimiter included; -1 if there is no delimiter in `bytes`.
   *
   * @param before the answer `moreThan` to the search in fewer bytes; those are not searched again.
   */
  frameLength(bytes: Buffer, offset: number, before: IncompleteFrame | undefined): number {
    // The delimiter may have begun within the bytes of that search.
    const searched = before === undefined ? 0 : Math.max(0, before.atLeast - this.length);
    const found = bytes.indexOf(this.needle, offset + searched);
    return found === -1 ? -1 : found - offset + this.length;
  }

  /** The answer of a decoder that has found no delimiter in the first `available` bytes. */
  moreThan(available: number): IncompleteFrame {
    return { atLeast: available + 1 };
  }
}
