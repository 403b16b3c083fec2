import { inject, injectable } from 'inversify';
import { FramedSocket, type PeerSocket } from '../../../lib/index';
import { createServerCodec } from '../../protocol/messages';
import { type ServerSettings } from '../settings';
import { TOKENS } from '../tokens';
import { type AddressTable } from '../limits/address_table';
import { AgencySession, type SessionLimits } from './agency_session';
import { type SessionServices } from './session_services';

/** Creates the session of an accepted connection. */
@injectable()
export class SessionFactory {
  private readonly codec = createServerCodec();
  private readonly limits: SessionLimits;

  constructor(
    @inject(TOKENS.ServerSettings) settings: ServerSettings,
    @inject(TOKENS.SessionServices) private readonly services: SessionServices,
    @inject(TOKENS.AddressTable) private readonly addresses: AddressTable,
  ) {
    this.limits = {
      messageTimeoutMs: settings.SERVER_MESSAGE_TIMEOUT_MS,
      idleTimeoutMs: settings.SERVER_IDLE_TIMEOUT_MS,
      longPollMs: settings.SERVER_WAIT_HOLD_MS,
      unnamedTimeoutMs: settings.SERVER_UNNAMED_TIMEOUT_MS || undefined,
      lifetimeMs: settings.SERVER_SESSION_LIFETIME_MS || undefined,
    };
  }

  /** @param certified the agency of the peer's certificate; undefined if the session may name any agency. */
  create(peer: PeerSocket, certified?: number): AgencySession {
    const address = this.addresses.enter(peer.remoteAddress);
    return new AgencySession(new FramedSocket(peer, this.codec), this.services, this.limits, address, certified);
  }
}
