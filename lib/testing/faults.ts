/** The faults of one direction of a connection. Offsets count its bytes from 0. */
export interface Faults {
  /** The size of the largest piece in which bytes arrive. */
  readonly pieceBytes?: number | undefined;
  /** Offsets at which a piece ends in any case. */
  readonly slices?: readonly number[] | undefined;
  /** The bytes from `offset` on arrive `ms` milliseconds later. */
  readonly delays?: readonly { readonly offset: number; readonly ms: number }[] | undefined;
  /** The offset of a premature end (FIN): the bytes before it arrive, the others are dropped. */
  readonly cutAt?: number | undefined;
  /** The offset of a reset (RST), for both ends: the bytes before it arrive. */
  readonly resetAt?: number | undefined;
}

/** The next step of a direction. */
export type Step =
  | { readonly kind: 'piece'; readonly bytes: number }
  | { readonly kind: 'delay'; readonly ms: number }
  | { readonly kind: 'cut' }
  | { readonly kind: 'reset' };

/** The faults of one direction as a sequence of steps; without a clock or a stream. */
export class FaultScript {
  private offset = 0;
  private readonly delays: { readonly offset: number; readonly ms: number }[];
  private readonly boundaries: readonly number[];

  constructor(private readonly faults: Faults) {
    const { delays = [], slices = [], cutAt = Infinity, resetAt = Infinity } = faults;
    this.delays = [...delays].sort((one, other) => one.offset - other.offset);
    this.boundaries = [...slices, ...delays.map((delay) => delay.offset), cutAt, resetAt];
  }

  /** The next step, if `available` bytes wait; undefined until there are more. */
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
    for (const boundary of this.boundaries) {
      if (boundary > this.offset) bytes = Math.min(bytes, boundary - this.offset);
    }
    return bytes;
  }
}
