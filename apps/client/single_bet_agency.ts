import { inject, injectable } from 'inversify';
import { type Bet } from '../lottery/bet';
import { formatCsvRow } from '../lottery/csv_row';
import { type ActionLog } from '../runtime/action_log';
import { ExitCode } from '../runtime/exit_code';
import { type Agency } from './agency';
import { StoppedError } from './errors';
import { type Progress } from './progress';
import { type ServerLink } from './server_link';
import { type ServerSession } from './server_session';
import { TOKENS } from './tokens';

/**
 * The exercise's first agency: one bet, from the environment. It neither finishes nor asks for winners: others may
 * still bet at the same agency.
 */
@injectable()
export class SingleBetAgency implements Agency {
  /** How many bets the agency had before this one; known from the first session on. */
  private before: number | undefined;

  constructor(
    @inject(TOKENS.AgencyId) private readonly id: number,
    @inject(TOKENS.SingleBet) private readonly bet: Bet,
    @inject(TOKENS.ServerLink) private readonly link: ServerLink,
    @inject(TOKENS.Progress) private readonly progress: Progress,
    @inject(TOKENS.ActionLog) private readonly log: ActionLog,
  ) {}

  async run(stop: AbortSignal): Promise<ExitCode> {
    const { document, number } = this.bet;
    try {
      await this.link.run(stop, (session) => this.place(session));
      this.log.info('apuesta_enviada', 'success', { dni: document, numero: number });
      this.progress.stored(1);
      return ExitCode.done;
    } catch (error) {
      const wasStopped = error instanceof StoppedError;
      const message = wasStopped ? 'stopped before the bet was acknowledged' : (error as Error).message;
      this.log.error('apuesta_enviada', 'fail', { dni: document, numero: number, error: message });
      this.progress.ended(error as Error);
      return wasStopped ? ExitCode.done : ExitCode.failed;
    }
  }

  /** Sends the bet, but for one whose answer was lost: the count tells that it is stored already. */
  private async place(session: ServerSession): Promise<void> {
    const stored = await session.identify(this.id);
    this.before ??= stored;
    if (stored > this.before) return;
    const { firstName, lastName, document, birthdate, number } = this.bet;
    const row = formatCsvRow([String(this.id), firstName, lastName, document, birthdate, number]);
    session.sendBets(Buffer.from(row, 'utf8'));
    await session.receiveStored();
  }
}
