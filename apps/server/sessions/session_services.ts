import { inject, injectable } from 'inversify';
import { type ActionLog } from '../../runtime/action_log';
import { type BetRepository } from '../domain/bet_repository';
import { type DrawEvidence } from '../domain/draw_evidence';
import { type FinishTracker } from '../domain/finish_tracker';
import { type WinnerService } from '../domain/winner_service';
import { type ServerActivity } from '../stats/server_activity';
import { TOKENS } from '../tokens';
import { type SessionRegistry } from './session_registry';

/** The services shared by all sessions. */
@injectable()
export class SessionServices {
  constructor(
    @inject(TOKENS.BetRepository) readonly bets: BetRepository,
    @inject(TOKENS.FinishTracker) readonly tracker: FinishTracker,
    @inject(TOKENS.DrawEvidence) readonly evidence: DrawEvidence,
    @inject(TOKENS.WinnerService) readonly winners: WinnerService,
    @inject(TOKENS.SessionRegistry) readonly registry: SessionRegistry,
    @inject(TOKENS.ServerActivity) readonly activity: ServerActivity,
    @inject(TOKENS.ActionLog) readonly log: ActionLog,
  ) {}
}
