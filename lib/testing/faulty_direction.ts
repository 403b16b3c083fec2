import { type Faults, FaultScript } from './faults';

/** Where the bytes of one direction go, and what can happen to it. */
export interface DirectionTarget {
  /** Passes a piece on; calls back once there is room for the next. */
  deliver(piece: Buffer, onRoom: () => void): void;
  end(): void;
  reset(): void;
}

/** One direction of a connection, with its faults: it passes on what it is given, piece by piece, as its script says. */
export class FaultyDirection {
  private readonly script: FaultScript;
  private timer: NodeJS.Timeout | undefined;
  private isOver = false;

  constructor(
    faults: Faults,
    private readonly target: DirectionTarget,
  ) {
    this.script = new FaultScript(faults);
  }

  /** Passes `bytes` on, or drops them where the direction is over; calls back once there is room for more. */
  carry(bytes: Buffer, onRoom: () => void): void {
    if (this.isOver) {
      onRoom();
      return;
    }
    const step = this.script.next(bytes.length);
    switch (step?.kind) {
      case undefined:
        onRoom();
        return;
      case 'delay':
        this.timer = setTimeout(() => this.carry(bytes, onRoom), step.ms);
        return;
      case 'piece':
        this.target.deliver(bytes.subarray(0, step.bytes), () => this.carry(bytes.subarray(step.bytes), onRoom));
        return;
      case 'cut':
        this.stop();
        this.target.end();
        onRoom();
        return;
      case 'reset':
        this.stop();
        this.target.reset();
        onRoom();
    }
  }

  /** The end of what there was to carry; passed on unless the direction was over before. */
  finish(): void {
    if (this.isOver) return;
    this.stop();
    this.target.end();
  }

  /** Nothing more is passed on, not even what a delay holds back. */
  stop(): void {
    this.isOver = true;
    clearTimeout(this.timer);
  }
}
