import { type Faults, FaultScript } from './faults';

/** The far end of one direction. */
export interface DirectionTarget {
  /** Passes a piece on; calls back when there is room for the next. */
  deliver(piece: Buffer, onRoom: () => void): void;
  end(): void;
  reset(): void;
}

/** One direction of a connection: it passes bytes on, in the steps of its `FaultScript`. */
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

  /** Passes `bytes` on, or drops them if the direction is over; calls back when there is room for more. */
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

  /** Passes the end on, unless the direction is over. */
  finish(): void {
    if (this.isOver) return;
    this.stop();
    this.target.end();
  }

  /** Passes nothing on any more, bytes under a delay included. */
  stop(): void {
    this.isOver = true;
    clearTimeout(this.timer);
  }
}
