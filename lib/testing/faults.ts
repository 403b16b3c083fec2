/** What is to happen to the bytes of one direction. Offsets count from the direction's first byte, 0. */
export interface Faults {
  /** The bytes come in pieces of at most so many. */
  readonly pieceBytes?: number;
  /** Offsets at which a piece ends, whatever the size of pieces is. */
  readonly slices?: readonly number[];
  /** The bytes at `offset` and behind it come `ms` milliseconds later than they would have. */
  readonly delays?: readonly { readonly offset: number; readonly ms: number }[];
  /** Of what is sent, so many bytes come, and then the end (FIN); the rest is dropped. */
  readonly cutAt?: number;
  /** Of what is sent, so many bytes come, and then a reset (RST), for both ends. */
  readonly resetAt?: number;
}

/** The next thing to happen to a direction. */
export type Step =
  | { readonly kind: 'piece'; readonly bytes: number }
  | { readonly kind: 'delay'; readonly ms: number }
  | { readonly kind: 'cut' }
  | { readonly kind: 'reset' };

/** Where one direction is in its script of faults: pure, without a clock or a stream. */
export class FaultScript {
  private offset = 0;
  private readonly delays: { readonly offset: number; readonly ms: number }[];
  private readonly borders: readonly number[];

  constructor(private readonly faults: Faults) {
    const { delays = [], slices = [], cutAt = Infinity, resetAt = Infinity } = faults;
    this.delays = [...delays].sort((one, other) => one.offset - other.offset);
    this.borders = [...slices, ...delays.map((delay) => delay.offset), cutAt, resetAt];
  }

  /** What happens next, where `available` bytes wait; `undefined`: nothing until there are more. */
  next(available: number): Step | undefined {
    if (this.faults.resetAt === this.offset) return { kind: 'reset' };
    if (this.faults.cutAt === this.offset) return { kind: 'cut' };
    if (available === 0) return undefined;
    if (this.delays[0]?.offset === this.offset) return { kind: 'delay', ms: this.delays.shift()!.ms };
    const bytes = this.nextPiece(available);
    this.offset += bytes;
    return { kind: 'piece', bytes };
  }

  private nextPiece(available: number): number {
    let bytes = Math.min(available, this.faults.pieceBytes ?? Infinity);
    for (const border of this.borders) {
      if (border > this.offset) bytes = Math.min(bytes, border - this.offset);
    }
    return bytes;
  }
}
