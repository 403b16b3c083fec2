import { ListenSocket, type ListenSocketOptions } from '../../../lib/index';
import { type Transport } from './transport';

/** Plain TCP: a connection may name any agency. */
export class PlainTransport implements Transport {
  readonly identity = undefined;

  constructor(private readonly options: ListenSocketOptions) {}

  createListener(): ListenSocket {
    return new ListenSocket(this.options);
  }

  start(): void {}

  close(): void {}

  agencyOf(): undefined {
    return undefined;
  }
}
