import { formatAddress, FramedSocket, ListenSocket, type PeerSocket } from '../../lib/index';
import { createServerCodec } from '../../apps/protocol/messages';
import { AgencySession, type SessionLimits } from '../../apps/server/sessions/agency_session';
import { OpenSessions } from '../../apps/server/sessions/open_sessions';
import { type SessionServices } from '../../apps/server/sessions/session_services';

const LIMITS: SessionLimits = { messageTimeoutMs: 10_000, idleTimeoutMs: 60_000, longPollMs: 200 };

/** A server over TCP in this process. Several of them share the services of one lottery, as servers share a database. */
export class SharedServer {
  /** The number of accepted connections. */
  accepted = 0;
  private readonly peers = new Set<PeerSocket>();
  private readonly sessions = new OpenSessions();
  private readonly serving: Promise<void>;

  private constructor(
    private readonly listener: ListenSocket,
    private readonly services: SessionServices,
  ) {
    this.serving = listener.serve((peer) => this.serve(peer));
  }

  static async start(services: SessionServices, address = { host: '127.0.0.1', port: 0 }): Promise<SharedServer> {
    const listener = new ListenSocket(address);
    await listener.bindAndListen();
    return new SharedServer(listener, services);
  }

  /** `host:port` */
  get address(): string {
    return formatAddress(this.listener.address);
  }

  get port(): number {
    return (this.listener.address as { port: number }).port;
  }

  /** Resets all connections and refuses others, as the kernel does for a process that was killed. */
  async kill(): Promise<void> {
    const closing = this.listener.close();
    for (const peer of this.peers) peer.reset();
    await closing;
    await this.sessions.endAll(this.serving);
  }

  /** Ends all sessions with `shutting-down`, as a server does after SIGTERM. */
  async stop(): Promise<void> {
    await this.listener.close();
    await this.sessions.endAll(this.serving);
  }

  private serve(peer: PeerSocket): Promise<unknown> {
    this.accepted++;
    this.peers.add(peer);
    void peer.closed.then(() => this.peers.delete(peer));
    return this.sessions.run(new AgencySession(new FramedSocket(peer, createServerCodec()), this.services, LIMITS));
  }
}
