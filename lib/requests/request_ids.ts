/**
 * The most abandoned ids that are kept; beyond it the oldest can be used again. Ids go round, so a range of more than
 * 2 bytes comes to it after millions of other calls. A smaller range never has so many.
 */
const MOST_ABANDONED = 65_536;

/**
 * The ids of the requests of one connection, from 1 to a maximum and then again from 1. An id is not used again before
 * its response has come, though its call was given up: the late response would be taken for that of another call.
 */
export class RequestIds {
  private last = 0;
  private readonly inUse = new Set<number>();
  /** Those in use whose calls were given up, from the oldest to the newest. */
  private readonly abandoned = new Set<number>();

  constructor(private readonly maxId: number) {}

  /** The next free id; undefined if all are in use. */
  take(): number | undefined {
    if (this.inUse.size >= this.maxId) return undefined;
    do this.last = this.last === this.maxId ? 1 : this.last + 1;
    while (this.inUse.has(this.last));
    this.inUse.add(this.last);
    return this.last;
  }

  /** The response to this id has come. Returns whether its call was given up before. */
  release(id: number): boolean {
    this.inUse.delete(id);
    return this.abandoned.delete(id);
  }

  /** The call with this id was given up. */
  abandon(id: number): void {
    this.abandoned.add(id);
    if (this.abandoned.size <= MOST_ABANDONED) return;
    const [oldest] = this.abandoned;
    this.release(oldest!);
  }
}
