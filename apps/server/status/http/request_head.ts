const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/**
 * Finds the end of a request's head, its first empty line (RFC 9112, section 2.1). Empty lines before the request line
 * belong to the head (section 2.2). A line may end with a bare line feed, as in HTTP parsers.
 */
export class RequestHead {
  private hasBegun = false;
  private lineIsEmpty = true;

  /** The number of bytes of the chunk that belong to the head, or undefined if the head continues behind the chunk. */
  endIn(chunk: Uint8Array): number | undefined {
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at];
      if (byte === CARRIAGE_RETURN) continue;
      if (byte !== LINE_FEED) {
        this.hasBegun = true;
        this.lineIsEmpty = false;
      } else if (this.lineIsEmpty && this.hasBegun) {
        return at + 1;
      } else {
        this.lineIsEmpty = true;
      }
    }
    return undefined;
  }
}
