import { inject, injectable } from 'inversify';
import { type Bet } from '../../protocol/bet';
import { formatCsvRow } from '../../protocol/csv_row';
import { ProtocolError } from '../../protocol/protocol_error';
import { type ActionLog } from '../../runtime/action_log';
import { ExitCode } from '../../runtime/exit_code';
import { type LotteryClient, stopGracePeriod, UnexpectedResponseError } from '../connection/lottery_client';
import { type Reconnector } from '../connection/reconnector';
import { type Progress } from '../progress/progress';
import { type ClientSettings } from '../settings';
import { StoppedError } from '../stop';
import { TOKENS } from '../tokens';
import { type Agency, OutcomeUnknownError } from './agency';

/**
 * The exercise's first agency: one bet, from the environment. It sends no finish and does not request winners, because
 * other clients may still place bets at the same agency. The server's count includes the bets of those clients. After a
 * lost response, an equal count proves that the bet is not stored; any other count proves nothing, and the outcome is
 * unknown.
 */
@injectable()
export class SingleBetAgency implements Agency {
  /** The agency's number of bets before this one was sent; undefined while the bet is certainly not stored. */
  private countBefore: number | undefined;

  constructor(
    @inject(TOKENS.Settings) private readonly settings: Pick<ClientSettings, 'CLI_ID'>,
    @inject(TOKENS.SingleBet) private readonly bet: Bet,
    @inject(TOKENS.Reconnector) private readonly reconnector: Reconnector,
    @inject(TOKENS.Progress) private readonly progress: Progress,
    @inject(TOKENS.ActionLog) private readonly log: ActionLog,
  ) {}

  async run(stop: AbortSignal): Promise<ExitCode> {
    const { document, number } = this.bet;
    try {
      await this.reconnector.run(stop, (client) => this.place(client, stop));
      this.log.info('apuesta_enviada', 'success', { dni: document, numero: number });
      this.progress.stored(1);
      return ExitCode.done;
    } catch (error) {
      const failure = this.failureAfter(error as Error);
      this.log.error('apuesta_enviada', 'fail', { dni: document, numero: number, error: failure.message });
      this.progress.ended(failure);
      return error instanceof StoppedError ? ExitCode.done : ExitCode.failed;
    }
  }

  /** Sends the bet, unless an earlier session may have stored it. */
  private async place(client: LotteryClient, stop: AbortSignal): Promise<void> {
    const { CLI_ID } = this.settings;
    const stored = await client.identify(CLI_ID);
    if (this.countBefore !== undefined && stored !== this.countBefore) {
      throw this.outcomeUnknown(`agency ${CLI_ID}: ${this.countBefore} bets before, ${stored} now`);
    }
    // The response to N follows the end of all batches of the older session, so an equal count is final.
    this.countBefore = undefined;
    stop.throwIfAborted();
    const { firstName, lastName, document, birthdate, number } = this.bet;
    const row = formatCsvRow([String(CLI_ID), firstName, lastName, document, birthdate, number]);
    if (client.sendBets(Buffer.from(row, 'utf8'))) this.countBefore = stored;
    const count = await this.receiveResponse(client, stop);
    if (count !== stored + 1) {
      throw new UnexpectedResponseError(`the server has ${count} bets of this agency, and ${stored + 1} were sent`);
    }
  }

  /** Receives the response to the bet; after a stop, within the grace period. */
  private async receiveResponse(client: LotteryClient, stop: AbortSignal): Promise<number> {
    try {
      return await client.receiveAcknowledgement().catch((error: unknown) => {
        if (!stop.aborted) throw error;
        return client.receiveAcknowledgement(stopGracePeriod());
      });
    } catch (error) {
      if (isRefusal(error)) this.countBefore = undefined;
      throw error;
    }
  }

  /** The error to report for a run that ended with `error`. */
  private failureAfter(error: Error): Error {
    const wasStopped = error instanceof StoppedError;
    if (error instanceof OutcomeUnknownError) return error;
    if (this.countBefore !== undefined) {
      return this.outcomeUnknown(wasStopped ? 'stopped before the response' : error.message, error);
    }
    if (!wasStopped) return error;
    return new StoppedError('stopped before the bet was acknowledged: it is not stored', { cause: error });
  }

  private outcomeUnknown(reason: string, cause?: Error): OutcomeUnknownError {
    return new OutcomeUnknownError(
      `it is unknown whether the bet is stored (${reason}): ` +
        `search the server's store for document ${this.bet.document} at agency ${this.settings.CLI_ID}, ` +
        'or ask its operator',
      { cause },
    );
  }
}

/** Whether an `E` in response to the bet refuses the bet itself: every final code except `superseded`. */
function isRefusal(error: unknown): boolean {
  return error instanceof ProtocolError && !error.isRetryable && error.code !== 'superseded';
}
