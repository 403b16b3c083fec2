import { once } from 'node:events';
import { formatAddress, ListenFailedError, ListenSocket, type PeerSocket } from '../../lib/index';
import { type ActionLog, describePeer } from '../runtime/action_log';
import { ExitCode } from '../runtime/exit_code';
import { LINE_LIMIT, textOfLine } from './line';
import { type EchoServerSettings } from './settings';

/** Sends every line back to its peer, for any number of peers at once. */
export class EchoServer {
  private readonly listener: ListenSocket;
  private readonly peers = new Set<PeerSocket>();

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
    this.log.info('listen', 'success', { address: formatAddress(this.listener.address) });
    await this.serveUntil(stop);
    return ExitCode.done;
  }

  private async serveUntil(stop: AbortSignal): Promise<void> {
    const serving = this.listener.serve((peer) => this.serve(peer), {
      signal: stop,
      onError: (error) => this.log.error('accept_connections', 'fail', { error: (error as Error).message }),
    });
    if (!stop.aborted) await once(stop, 'abort');
    this.log.info('close_listener', 'success');
    const open = Array.from(this.peers);
    for (const peer of open) void peer.close();
    await serving;
    for (const peer of open) this.log.info('close_connection', 'success', describePeer(peer));
  }

  private async serve(peer: PeerSocket): Promise<void> {
    this.log.info('accept_connections', 'success', describePeer(peer));
    this.peers.add(peer);
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
      this.peers.delete(peer);
    }
  }
}
