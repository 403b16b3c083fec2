import { type MessageLimits, SenderTraffic } from './sender_traffic';
import { type TrafficRates } from './traffic';

const NAMES: MessageLimits = { bytes: 'address_bytes', messages: 'address_messages' };

/** The messages of one address. */
export class AddressTraffic extends SenderTraffic {
  /**
   * @param group the address, as `addressGroup` gives it.
   * @param onResting called when the last session has left.
   */
  constructor(
    readonly group: string,
    rates: TrafficRates,
    private readonly onResting: (traffic: AddressTraffic, now: number) => void,
  ) {
    super(rates, NAMES);
  }

  /** Counts a session until `leave`. */
  enter(): void {
    this.sessions++;
  }

  leave(now: number): void {
    this.sessions--;
    if (this.sessions === 0) this.onResting(this, now);
  }
}
