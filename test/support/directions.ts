import { Duplex } from 'node:stream';
import { type Incoming, type Outgoing } from '../../lib/sockets/connection/connection';

/** The incoming direction of a connection: a record of the connection's calls. */
export class FakeIncoming implements Incoming {
  isEnded = false;

  constructor(private readonly events: string[] = []) {}

  onData(chunk: Buffer): void {
    this.events.push(`data ${String(chunk)}`);
  }

  onEnd(): void {
    this.isEnded = true;
    this.events.push('end');
  }

  onConnectionEnd(): void {
    this.events.push('incoming ended');
  }
}

/** The outgoing direction of a connection, likewise. */
export class FakeOutgoing implements Outgoing {
  isEnded = false;

  constructor(private readonly events: string[] = []) {}

  onConnectionEnd(): void {
    this.events.push('outgoing ended');
  }
}

/** A stream without a peer. After `destroy` it emits no `close`: the test does that. */
export function idleStream(onDestroy: () => void = () => undefined): Duplex {
  return new Duplex({
    read: () => undefined,
    write: () => undefined,
    destroy: () => onDestroy(),
  });
}
