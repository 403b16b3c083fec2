import { type Address } from '../../address';
import { type WaitOptions } from '../../async/deadlines';
import { Waiter } from '../../async/waiter';
import { type AcceptFailedError, SocketClosedError } from '../../errors';
import { type PeerSocket } from '../peer_socket';
import { type ListenerActivity } from './listener_activity';

/** The connections that wait for an `accept`, or the calls of `accept` that wait for a connection. */
export class AcceptQueue {
  /** At most one of these two collections has elements. */
  private readonly peers: PeerSocket[] = [];
  private readonly calls = new Set<Waiter<PeerSocket>>();

  /** @param most the number of connections that may wait. */
  constructor(
    private readonly most: number,
    private readonly activity: ListenerActivity,
  ) {}

  get hasCalls(): boolean {
    return this.calls.size > 0;
  }

  /** The next connection, in the order of their arrival; several calls get them in the order of the calls. */
  accept(local: Address | undefined, options: WaitOptions | undefined): Promise<PeerSocket> {
    const peer = this.peers.shift();
    if (peer !== undefined) {
      this.activity.connectionAccepted();
      return Promise.resolve(peer);
    }
    const call: Waiter<PeerSocket> = new Waiter('accept', { local }, options, () => {
      this.calls.delete(call);
    });
    this.calls.add(call);
    return call.promise;
  }

  /** Gives a connection to the call that waits longest, or keeps it for the next one. Returns false if there is no room. */
  add(peer: PeerSocket): boolean {
    const call = this.takeCall();
    if (call !== undefined) {
      this.activity.connectionAccepted();
      call.resolve(peer);
      return true;
    }
    if (this.peers.length >= this.most) return false;
    this.peers.push(peer);
    return true;
  }

  /** Fails the call that waits longest, if there is one. */
  fail(error: AcceptFailedError): void {
    this.takeCall()?.reject(error);
  }

  /** Takes out all connections that wait. */
  takeAll(): PeerSocket[] {
    return this.peers.splice(0);
  }

  /** Fails all calls with `SocketClosedError`. */
  close(local: Address | undefined): void {
    for (const call of this.calls) call.reject(new SocketClosedError('accept', { local }));
    this.calls.clear();
  }

  private takeCall(): Waiter<PeerSocket> | undefined {
    const [call] = this.calls;
    if (call !== undefined) this.calls.delete(call);
    return call;
  }
}
