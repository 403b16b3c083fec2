import { AcceptFailedError, formatAddress, ListenFailedError, ListenSocket, type PeerSocket } from '../../lib/index';
import { type ActionLog, describePeer } from '../runtime/action_log';
import { ExitCode } from '../runtime/exit_code';
import { LINE_LIMIT, textOfLine } from './line';
import { type EchoServerSettings } from './settings';

/** Sends every line back to its peer, for any number of peers at once. */
export class EchoServer {
  private readonly listener: ListenSocket;
  private readonly peers = new Map<PeerSocket, Promise<void>>();

  constructor(
    settings: EchoServerSettings,
    private readonly log: ActionLog,
  ) {
    this.listener = new ListenSocket({ host: settings.ECHO_IP, port: settings.ECHO_PORT });
  }

  /** Serves until `stop` fires, then closes every connection. */
  async run(stop: AbortSignal): Promise<ExitCode> {
    try {
      await this.listener.bindAndListen();
    } catch (error) {
      if (!(error instanceof ListenFailedError)) throw error;
      this.log.error('listen', 'fail', { error: error.message });
      return ExitCode.failed;
    }
    this.log.info('listen', 'success', { address: formatAddress(this.listener.address!) });
    await this.acceptUntil(stop);
    await this.closePeers();
    return ExitCode.done;
  }

  private async acceptUntil(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      try {
        const peer = await this.listener.accept({ signal: stop });
        this.log.info('accept_connections', 'success', describePeer(peer));
        this.peers.set(peer, this.serve(peer));
      } catch (error) {
        if (stop.aborted) break;
        if (!(error instanceof AcceptFailedError)) throw error;
        this.log.error('accept_connections', 'fail', { error: error.message });
      }
    }
    await this.listener.close();
    this.log.info('close_listener', 'success');
  }

  private async serve(peer: PeerSocket): Promise<void> {
    try {
      for (;;) {
        const line = await peer.recvUntil('\n', { limit: LINE_LIMIT });
        if (line === null) break;
        this.log.info('receive_message', 'success', { ...describePeer(peer), msg: textOfLine(line) });
        await peer.sendAll(line);
      }
    } catch (error) {
      // A lost peer or a stop ends only this connection.
      this.log.debug('receive_message', 'fail', { error: (error as Error).message });
    } finally {
      await peer.close();
      this.peers.delete(peer);
    }
  }

  private async closePeers(): Promise<void> {
    for (const [peer, ended] of Array.from(this.peers)) {
      void peer.close();
      await ended;
      this.log.info('close_connection', 'success', describePeer(peer));
    }
  }
}
