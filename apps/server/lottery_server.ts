import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { inject, injectable } from 'inversify';
import {
  type Address,
  formatAddress,
  ListenFailedError,
  type ListenSocket,
  FramedSocket,
  type PeerSocket,
  type Refusal,
} from '../../lib/index';
import { createServerCodec, MessageType, textMessage } from '../protocol/messages';
import { ProtocolError } from '../protocol/protocol_error';
import { describePeer } from '../runtime/action_log';
import { ExitCode } from '../runtime/exit_code';
import { sendToParent } from '../runtime/parent_process';
import { SettingsError } from '../runtime/settings';
import { type AddressTable } from './limits/address_table';
import { MAX_HANDSHAKES } from './limits/connection_bounds';
import { type LimitName } from './limits/limit_name';
import { type RefusalLog } from './limits/refusal_log';
import { busyText, limitOf, serveLimits } from './limits/serve_limits';
import { OpenSessions } from './sessions/open_sessions';
import { type SessionFactory } from './sessions/session_factory';
import { type SessionServices } from './sessions/session_services';
import {
  type DescriptorBudget,
  type DescriptorUse,
  divideDescriptors,
  hasRoomBeside,
} from './process/descriptor_budget';
import { describeWithFileLimit } from './process/open_file_limit';
import { type ServerSettings } from './settings';
import { type Transport } from './transport/transport';
import { type OptionalStatusServer } from './status/optional_status_server';
import { StoreConflictError, StoreLocationError, StoreSchemaError, StoreStoppedError } from './domain/store_errors';
import { type Store } from './domain/store';
import { TOKENS } from './tokens';

/**
 * The message to the parent process (child_process IPC) at the start of the listener. tools/run_lottery.ts receives it.
 */
export type ListeningMessage = { readonly kind: 'listening' } & Address;

/** The time limit for the delivery of a refusal. */
const REFUSAL_LINGER_MS = 500;

/** Refused connections of an address that get `busy`, a second. An answer costs ten resets, and by TLS a handshake. */
const ANSWERS_PER_SECOND = 50;

/**
 * The central server: opens the store, accepts agencies and runs a session for each. At the end it waits for all
 * sessions, as threads are joined.
 */
@injectable()
export class LotteryServer {
  private readonly sessions = new OpenSessions();
  private readonly stopping = new AbortController();
  private failure: Error | undefined;
  /** The number of connections with a refused certificate that get an `E`. */
  private refusing = 0;

  constructor(
    @inject(TOKENS.ServerSettings) private readonly settings: ServerSettings,
    @inject(TOKENS.Transport) private readonly transport: Transport,
    @inject(TOKENS.ListenSocket) private listener: ListenSocket,
    @inject(TOKENS.Store) private readonly store: Store,
    @inject(TOKENS.SessionFactory) private readonly sessionFactory: SessionFactory,
    @inject(TOKENS.SessionServices) private readonly services: SessionServices,
    @inject(TOKENS.StatusServer) private readonly status: OptionalStatusServer,
    @inject(TOKENS.AddressTable) private readonly addresses: AddressTable,
    @inject(TOKENS.RefusalLog) private readonly refusals: RefusalLog,
    @inject(TOKENS.DescriptorUse) private readonly readDescriptors: () => DescriptorUse,
    /** The wanted numbers at first, then the numbers that `divideDescriptors` allows. */
    @inject(TOKENS.WantedConnections) private budget: DescriptorBudget,
  ) {}

  /**
   * Serves until `stop` fires or the store fails.
   *
   * @throws SettingsError the store belongs to another draw, or its directory is unusable.
   */
  async run(stop: AbortSignal): Promise<ExitCode> {
    stop.addEventListener('abort', () => this.stopping.abort());
    if (stop.aborted) this.stopping.abort();
    this.store.onBroken((error) => this.onStoreBroken(error));
    this.services.bets.onSuperseded((claim) => this.services.registry.supersede(claim));
    const listening = this.canHoldConnections() ? this.listenEarly() : undefined;
    try {
      const opening = await this.openStore();
      if (opening !== 'opened') return opening === 'stopped' ? ExitCode.done : ExitCode.failed;
      return await this.runWithStore((await listening) === true);
    } finally {
      await this.listener.close();
    }
  }

  private async runWithStore(isListening: boolean): Promise<ExitCode> {
    this.services.winners.start(this.stopping.signal);
    try {
      if (!(isListening || (await this.listen())) || !this.planConnections()) return ExitCode.failed;
      this.becomeReady();
      await this.serveUntilStopped();
    } finally {
      await this.listener.close();
      this.refusals.close();
      this.transport.close();
      await this.status.close();
      await this.services.winners.close();
      await this.store.close();
    }
    return this.failure === undefined ? ExitCode.done : ExitCode.failed;
  }

  private async openStore(): Promise<'opened' | 'stopped' | 'failed'> {
    const { setting, field, value } = this.store.location;
    try {
      await this.store.open(this.stopping.signal);
    } catch (error) {
      if (error instanceof StoreStoppedError) return 'stopped';
      const { message } = error as Error;
      if (error instanceof StoreConflictError) {
        const advice = 'use the settings it was made with, or begin a new draw (docs/durability.md)';
        throw new SettingsError(`${value}: ${message}: ${advice}`, { cause: error });
      }
      if (error instanceof StoreSchemaError) throw new SettingsError(`${setting}: ${message}`, { cause: error });
      if (error instanceof StoreLocationError)
        throw new SettingsError(`${setting} ${value}: ${message}`, { cause: error });
      this.services.log.error('open_store', 'fail', { [field]: value, error: describeWithFileLimit(error as Error) });
      return 'failed';
    }
    this.services.log.info('open_store', 'success', { [field]: value });
    return 'opened';
  }

  /**
   * Whether connections can wait for the opening of the store. Agencies of a shared store can connect to another server
   * meanwhile.
   */
  private canHoldConnections(): boolean {
    const { SERVER_LISTEN_BACKLOG: backlog, SERVER_TLS: isTls } = this.settings;
    const held = backlog + (isTls ? MAX_HANDSHAKES : 0);
    return !this.store.isShared && hasRoomBeside(this.readDescriptors(), this.budget, held);
  }

  /**
   * Listens while the store is opened: a connection waits for it, and does not have to be repeated after a pause.
   * Returns false if the address cannot be bound yet, as beside a server that ends. `listen` tries it again with a new
   * listener, and reports the failure.
   */
  private async listenEarly(): Promise<boolean> {
    try {
      await this.listener.bindAndListen();
      return true;
    } catch {
      this.listener = this.transport.createListener();
      return false;
    }
  }

  private async listen(): Promise<boolean> {
    try {
      await this.listener.bindAndListen();
    } catch (error) {
      if (!(error instanceof ListenFailedError)) throw error;
      this.services.log.error('listen', 'fail', { error: describeWithFileLimit(error) });
      return false;
    }
    return true;
  }

  /** Divides the available descriptors. Returns false if they do not suffice for one session. */
  private planConnections(): boolean {
    const use = this.readDescriptors();
    const budget = divideDescriptors(use, this.budget);
    const fields = { open: use.open, allowed: use.allowed, sessions: budget?.sessions ?? 0 };
    if (budget === undefined) {
      this.services.log.error('open_files', 'fail', { ...fields, error: 'too few open files are allowed (ulimit -n)' });
      return false;
    }
    if (budget.sessions < this.budget.sessions) {
      const wanted = this.budget.sessions;
      this.services.log.warning('open_files', 'fail', { ...fields, error: `${wanted} sessions need more (ulimit -n)` });
    }
    this.budget = budget;
    this.services.activity.sessionsAllowed = budget.sessions;
    return true;
  }

  private becomeReady(): void {
    const address = this.listener.address!;
    this.services.log.info('listen', 'success', {
      address: formatAddress(address),
      agencies: this.settings.SERVER_AGENCIES,
    });
    sendToParent<ListeningMessage>({ kind: 'listening', ...address });
    this.services.activity.phase = 'ready';
    this.transport.start((refusalOf) => void this.sessions.refuse(refusalOf));
    this.status.open(this.budget.status);
  }

  /** Serves agencies until the stop, then ends their sessions. */
  private async serveUntilStopped(): Promise<void> {
    const { signal } = this.stopping;
    const serving = this.listener.serve((peer) => this.serve(peer), {
      ...serveLimits(this.settings, this.addresses),
      maxConnections: this.budget.sessions,
      maxRefusing: this.budget.rejections,
      answersPerSecond: ANSWERS_PER_SECOND,
      signal,
      onRefused: (refusal) => this.rejectBusy(refusal),
      onError: (error) => this.onError(error),
    });
    if (!signal.aborted) await once(signal, 'abort');
    this.services.activity.phase = 'stopping';
    this.services.log.info('close_listener', 'success');
    // A failure of the store stops the server; the sessions whose calls have failed get its error before the stop.
    await nextTurn();
    for (const session of await this.sessions.endAll(serving)) {
      this.services.log.info('close_session', 'success', session.describe());
    }
  }

  private serve(peer: PeerSocket): Promise<unknown> {
    const agency = this.transport.agencyOf(peer);
    if (agency instanceof ProtocolError) return this.refuse(peer, agency);
    const session = this.sessionFactory.create(peer, agency);
    if (typeof session === 'string') return this.refuseAgency(peer, agency!, session);
    this.services.log.info('accept_connections', 'success', describePeer(peer));
    return this.sessions.run(session);
  }

  /** Refuses a connection for a limit of the agency in its certificate. */
  private refuseAgency(peer: PeerSocket, agency: number, limit: LimitName): Promise<void> {
    this.services.activity.limitReached(limit);
    this.refusals.refused(peer.remoteAddress, { error: 'busy', limit, sessions: this.sessions.size }, agency);
    const text = busyText(limit, this.budget.sessions, this.settings);
    const id = agency <= this.settings.SERVER_AGENCIES ? agency : 0;
    return this.refuse(peer, new ProtocolError('busy', text), id);
  }

  /**
   * Refuses a connection before it has a session.
   *
   * @param agency 0 for an unidentified or unknown one.
   */
  private async refuse(peer: PeerSocket, { code, message }: ProtocolError, agency = 0): Promise<void> {
    this.services.activity.sessionRefused(agency, code);
    if (this.refusing >= this.budget.rejections) {
      peer.reset();
      return;
    }
    this.refusing++;
    await this.sendRefusal(peer, message);
    this.refusing--;
  }

  /** Sends `busy`. A connection that was reset already got no message, which saves the descriptor. */
  private async rejectBusy({ reason, peer, remoteAddress }: Refusal): Promise<void> {
    const limit = limitOf(reason);
    if (limit === undefined) return;
    this.services.activity.limitReached(limit);
    // The listener logs the fault of the header.
    if (limit === 'proxy_header') return;
    this.refusals.refused(remoteAddress, { error: 'busy', limit, sessions: this.sessions.size });
    this.services.activity.sessionRefused(0, 'busy');
    if (peer === undefined) {
      if (limit === 'sessions') this.services.activity.acceptFailures++;
      return;
    }
    await this.sendRefusal(peer, `busy: ${busyText(limit, this.budget.sessions, this.settings)}`);
  }

  private async sendRefusal(peer: PeerSocket, text: string): Promise<void> {
    const channel = new FramedSocket(peer, createServerCodec());
    // The peer may be gone already.
    await channel.send(textMessage(MessageType.error, text), { timeoutMs: REFUSAL_LINGER_MS }).catch(() => {});
    await peer.lingeringClose({ timeoutMs: REFUSAL_LINGER_MS });
  }

  private onError(error: unknown): void {
    this.services.activity.acceptFailures++;
    this.services.log.error('accept_connections', 'fail', { error: (error as Error).message });
  }

  private onStoreBroken(error: Error): void {
    if (this.failure !== undefined) return;
    this.failure = error;
    const { message, cause } = error;
    const { field, value } = this.store.location;
    const fields = { error: message, [field]: value };
    this.services.log.critical('store', 'fail', cause instanceof Error ? { ...fields, cause: cause.message } : fields);
    this.stopping.abort();
  }
}
