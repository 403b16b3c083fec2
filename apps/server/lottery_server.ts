import { inject, injectable } from 'inversify';
import {
  AcceptFailedError,
  formatAddress,
  ListenFailedError,
  type ListenSocket,
  FramedSocket,
  type PeerSocket,
} from '../../lib/index';
import { createServerCodec, MessageType, textMessage } from '../lottery/protocol';
import { type ActionLog } from '../runtime/action_log';
import { describePeer } from '../runtime/describe_peer';
import { ExitCode } from '../runtime/exit_code';
import { tellParent } from '../runtime/parent_process';
import { SettingsError } from '../runtime/settings';
import { type ServerActivity } from './activity/server_activity';
import { type AgencySession, type SessionOwner } from './agency_session';
import { type ServerSettings } from './settings';
import { type StatusSide } from './status_side';
import { StoreConflictError, StoreDirectoryError } from './storage/errors';
import { type Store } from './store';
import { TOKENS } from './tokens';

/** Makes the session of an accepted connection. */
export type SessionFactory = (peer: PeerSocket, owner: SessionOwner) => AgencySession;

/** How long a stop waits for the sessions to end by themselves: well within the 3 s that `docker stop -t 3` gives. */
const SHUTDOWN_GRACE_MS = 1_500;

/** How long one that is turned away may take to read why, and how many of those may be told at once. */
const BUSY_LINGER_MS = 500;
const MAX_BUSY_LINGERING = 256;

/**
 * The central server: opens the store, accepts agencies, runs a session for each, and at the end waits for every one,
 * as threads are joined.
 */
@injectable()
export class LotteryServer implements SessionOwner {
  private readonly sessions = new Map<AgencySession, Promise<void>>();
  private readonly stopping = new AbortController();
  private turnedAway = 0;
  private failure: Error | undefined;

  constructor(
    @inject(TOKENS.ServerSettings) private readonly settings: ServerSettings,
    @inject(TOKENS.ListenSocket) private readonly listener: ListenSocket,
    @inject(TOKENS.Store) private readonly store: Store,
    @inject(TOKENS.SessionFactory) private readonly createSession: SessionFactory,
    @inject(TOKENS.ServerActivity) private readonly activity: ServerActivity,
    @inject(TOKENS.StatusSide) private readonly status: StatusSide,
    @inject(TOKENS.ActionLog) private readonly log: ActionLog,
  ) {}

  /**
   * Serves until `stop` fires, or until nothing can be stored any more.
   *
   * @throws SettingsError the store belongs to another draw than the settings, or cannot be kept where they say.
   */
  async run(stop: AbortSignal): Promise<ExitCode> {
    stop.addEventListener('abort', () => this.stopping.abort());
    if (stop.aborted) this.stopping.abort();
    if (!(await this.openStore())) return ExitCode.failed;
    try {
      if (!(await this.listen())) return ExitCode.failed;
      await this.acceptUntilStopped();
      await this.endSessions();
    } finally {
      await this.status.close();
      await this.store.close();
    }
    return this.failure === undefined ? ExitCode.done : ExitCode.failed;
  }

  private async openStore(): Promise<boolean> {
    const dir = this.settings.SERVER_DATA_DIR;
    try {
      await this.store.open();
    } catch (error) {
      const { message } = error as Error;
      if (error instanceof StoreConflictError) {
        const advice = 'use the settings it was made with, or begin a new draw (docs/durability.md)';
        throw new SettingsError(`${dir}: ${message}: ${advice}`, { cause: error });
      }
      if (error instanceof StoreDirectoryError)
        throw new SettingsError(`SERVER_DATA_DIR ${dir}: ${message}`, { cause: error });
      this.log.error('open_store', 'fail', { dir, error: message });
      return false;
    }
    this.log.info('open_store', 'success', { dir });
    return true;
  }

  private async listen(): Promise<boolean> {
    try {
      await this.listener.bindAndListen();
    } catch (error) {
      if (!(error instanceof ListenFailedError)) throw error;
      this.log.error('listen', 'fail', { error: error.message });
      return false;
    }
    const address = this.listener.address!;
    this.log.info('listen', 'success', { address: formatAddress(address), agencies: this.settings.SERVER_AGENCIES });
    tellParent({ kind: 'listening', ...address });
    this.activity.phase = 'ready';
    this.status.open();
    return true;
  }

  private async acceptUntilStopped(): Promise<void> {
    const { signal } = this.stopping;
    // Closing ends an accept that waits: a signal of its own would cost each connection more than the accept itself.
    signal.addEventListener('abort', () => void this.listener.close());
    while (!signal.aborted) {
      try {
        this.serve(await this.listener.accept());
      } catch (error) {
        if (signal.aborted) break;
        if (!(error instanceof AcceptFailedError)) throw error;
        this.activity.acceptFailures++;
        this.log.error('accept_connections', 'fail', { error: error.message });
      }
    }
    this.activity.phase = 'stopping';
    await this.listener.close();
    this.log.info('close_listener', 'success');
  }

  private serve(peer: PeerSocket): void {
    const fields = describePeer(peer);
    if (this.sessions.size >= this.settings.SERVER_MAX_SESSIONS) {
      this.log.warning('accept_connections', 'fail', { ...fields, error: 'busy' });
      this.activity.sessionRefused(0, 'busy');
      void this.turnAway(peer);
      return;
    }
    this.log.info('accept_connections', 'success', fields);
    const session = this.createSession(peer, this);
    this.sessions.set(session, session.run());
  }

  onSessionEnded(session: AgencySession): void {
    this.sessions.delete(session);
  }

  private async turnAway(peer: PeerSocket): Promise<void> {
    if (this.turnedAway >= MAX_BUSY_LINGERING) {
      peer.reset();
      return;
    }
    this.turnedAway++;
    const channel = new FramedSocket(peer, createServerCodec());
    const words = `busy: ${this.settings.SERVER_MAX_SESSIONS} sessions are open, no more are taken`;
    // One that is gone already needs no answer.
    await channel.send(textMessage(MessageType.error, words), { timeoutMs: BUSY_LINGER_MS }).catch(() => {});
    await peer.lingeringClose({ timeoutMs: BUSY_LINGER_MS });
    this.turnedAway--;
  }

  /** Lets every session finish what it has in flight, and waits for all; those that take too long are cut off. */
  private async endSessions(): Promise<void> {
    const open = Array.from(this.sessions);
    for (const [session] of open) session.shutDown();
    const deadline = setTimeout(() => {
      for (const session of this.sessions.keys()) void session.cut();
    }, SHUTDOWN_GRACE_MS);
    for (const [session, ended] of open) {
      await ended;
      this.log.info('close_session', 'success', session.describe());
    }
    clearTimeout(deadline);
  }

  onStoreBroken(error: Error): void {
    if (this.failure !== undefined) return;
    this.failure = error;
    const { cause } = error;
    this.log.critical('store', 'fail', { error: error.message, cause: cause instanceof Error ? cause.message : '' });
    this.stopping.abort();
  }
}
