import { inject, injectable } from 'inversify';
import { type ClientSettings } from '../settings';
import { TOKENS } from '../tokens';
import { orderForAgency } from './agency_order';
import { type Endpoint, type EndpointFinder } from './endpoint_finder';

/**
 * Which endpoint an agency tries next: each of them once in a round, in the order of the agency. A round goes on behind
 * the last endpoint of the round before, and looks all names up anew.
 */
@injectable()
export class EndpointRounds {
  /** The endpoints in the agency's order, from the last look-up on. */
  private order: readonly Endpoint[] = [];
  /** The place in `order` of the endpoint that was tried last. */
  private at = -1;
  /** The number of endpoints that this round has not tried yet. */
  private left = 0;
  /** Whether the names must be looked up again within this round. */
  private isStale = false;

  constructor(
    @inject(TOKENS.Settings) private readonly settings: Pick<ClientSettings, 'CLI_ID'>,
    @inject(TOKENS.EndpointFinder) private readonly finder: EndpointFinder,
  ) {}

  /**
   * The endpoint to try now.
   *
   * @throws StoppedError as soon as `stop` fires, while names are looked up.
   */
  async next(stop: AbortSignal): Promise<Endpoint> {
    if (this.isOver || this.isStale) await this.begin(stop);
    this.at = (this.at + 1) % this.order.length;
    this.left--;
    return this.order[this.at]!;
  }

  /** Whether no other endpoint is left in this round. */
  get isOver(): boolean {
    return this.left === 0;
  }

  /** The number of endpoints. */
  get size(): number {
    return this.order.length;
  }

  /** The name of the endpoint behind the one that was tried last. It may be another after a new look-up. */
  get nextName(): string {
    return this.order[(this.at + 1) % this.order.length]!.name;
  }

  /** Begins another round, with the endpoint that was tried last in the last place. */
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
