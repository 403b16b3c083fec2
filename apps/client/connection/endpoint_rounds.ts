import { inject, injectable } from 'inversify';
import { type ClientSettings } from '../settings';
import { TOKENS } from '../tokens';
import { orderForAgency } from './agency_order';
import { type Endpoint, type EndpointFinder } from './endpoint_finder';

/**
 * Selects the next endpoint of an agency: each one once in a round, in the order of the agency. A round begins behind
 * the last endpoint of the round before, with a new look-up of all names.
 */
@injectable()
export class EndpointRounds {
  /** The endpoints of the last look-up, in the agency's order. */
  private order: readonly Endpoint[] = [];
  /** The index in `order` of the last tried endpoint. */
  private at = -1;
  /** The number of untried endpoints of this round. */
  private left = 0;
  /** Whether the names must be looked up again within this round. */
  private isStale = false;

  constructor(
    @inject(TOKENS.Settings) private readonly settings: Pick<ClientSettings, 'CLI_ID'>,
    @inject(TOKENS.EndpointFinder) private readonly finder: EndpointFinder,
  ) {}

  /**
   * Returns the endpoint for the next attempt.
   *
   * @throws StoppedError as soon as `stop` fires, while names are looked up.
   */
  async next(stop: AbortSignal): Promise<Endpoint> {
    if (this.isOver || this.isStale) await this.begin(stop);
    this.at = (this.at + 1) % this.order.length;
    this.left--;
    return this.order[this.at]!;
  }

  /** Whether this round has tried all endpoints. */
  get isOver(): boolean {
    return this.left === 0;
  }

  /** The number of endpoints. */
  get size(): number {
    return this.order.length;
  }

  /** The name of the endpoint behind the last tried one. A new look-up may change it. */
  get nextName(): string {
    return this.order[(this.at + 1) % this.order.length]!.name;
  }

  /** Begins another round, with the last tried endpoint in the last place. */
  restart(): void {
    this.left = this.order.length - 1;
    this.isStale = true;
  }

  private async begin(stop: AbortSignal): Promise<void> {
    const last = this.order[this.at]?.name;
    this.order = orderForAgency(this.settings.CLI_ID, await this.finder.find(stop));
    this.at = this.order.findIndex(({ name }) => name === last);
    this.left = this.order.length;
    this.isStale = false;
  }
}
