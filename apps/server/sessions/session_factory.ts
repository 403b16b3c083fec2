import { inject, injectable } from 'inversify';
import { FramedSocket, type PeerSocket } from '../../../lib/index';
import { createServerCodec } from '../../protocol/messages';
import { type ServerSettings } from '../settings';
import { TOKENS } from '../tokens';
import { type AddressTable } from '../limits/address_table';
import { type AgencyTable } from '../limits/agency_table';
import { CombinedTraffic } from '../limits/combined_traffic';
import { type LimitName } from '../limits/limit_name';
import { type Traffic } from '../limits/traffic';
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
    @inject(TOKENS.AgencyTable) private readonly agencies: AgencyTable,
  ) {
    this.limits = {
      messageTimeoutMs: settings.SERVER_MESSAGE_TIMEOUT_MS,
      idleTimeoutMs: settings.SERVER_IDLE_TIMEOUT_MS,
      longPollMs: settings.SERVER_WAIT_HOLD_MS,
      unnamedTimeoutMs: settings.SERVER_UNNAMED_TIMEOUT_MS || undefined,
      lifetimeMs: settings.SERVER_SESSION_LIFETIME_MS || undefined,
    };
  }

  /**
   * @param certified the agency of the peer's certificate; undefined if the session may name any agency.
   * @returns the limit of the agency that refuses the session, if one does.
   */
  create(peer: PeerSocket, certified?: number): AgencySession | LimitName {
    const traffic = this.enter(peer, certified);
    if (typeof traffic === 'string') return traffic;
    return new AgencySession(new FramedSocket(peer, this.codec), this.services, this.limits, traffic, certified);
  }

  private enter({ remoteAddress }: PeerSocket, certified: number | undefined): Traffic | LimitName | undefined {
    if (certified === undefined) return this.addresses.enter(remoteAddress);
    const agency = this.agencies.enter(certified, performance.now());
    if (typeof agency === 'string') return agency;
    const address = this.addresses.enter(remoteAddress);
    return address === undefined ? agency : new CombinedTraffic(address, agency);
  }
}
