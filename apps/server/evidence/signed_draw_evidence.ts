import { type KeyObject } from 'node:crypto';
import { type ActionLog } from '../../runtime/action_log';
import { type BetRepository } from '../domain/bet_repository';
import { type DrawEvidence } from '../domain/draw_evidence';
import { type DrawRecord, type DrawTerms } from '../domain/draw_record';
import { type FinishTracker } from '../domain/finish_tracker';
import { type AgencyStatement, DrawRecordFormatError, readSignedDraw, signDraw } from './signed_draw';

/** The services whose content is the evidence. */
export interface EvidenceSources {
  readonly bets: BetRepository;
  readonly tracker: FinishTracker;
  readonly drawRecord: DrawRecord;
  readonly log: ActionLog;
}

/**
 * Signs the record of the draw. The record has no time and nothing of the server: a record that is made again after a crash
 * has the same bytes.
 */
export class SignedDrawEvidence implements DrawEvidence {
  constructor(
    private readonly sources: EvidenceSources,
    private readonly key: KeyObject,
  ) {}

  async digestAtFinish(agency: number, bets: number): Promise<string> {
    return (await this.sources.bets.digest(agency, bets)).digest;
  }

  async record(terms: DrawTerms, stop: AbortSignal): Promise<void> {
    const { drawRecord, log } = this.sources;
    const stored = await drawRecord.readEvidence();
    if (stored !== undefined && isComplete(stored)) return;
    const agencies = await this.stateAgencies(terms, stop);
    await drawRecord.writeEvidence(signDraw({ number: terms.number, agencies }, this.key));
    log.info('draw_evidence', 'success', { agencies: terms.agencies });
  }

  private async stateAgencies({ number, agencies }: DrawTerms, stop: AbortSignal): Promise<AgencyStatement[]> {
    const { bets, tracker } = this.sources;
    const winners = new Map<number, number[]>();
    for await (const { agency, row } of bets.winningRows(number, stop)) {
      const rows = winners.get(agency) ?? [];
      rows.push(row);
      winners.set(agency, rows);
    }
    const finishes = await tracker.readFinishes();
    const statements: AgencyStatement[] = [];
    for (let agency = 1; agency <= agencies; agency++) {
      const finish = finishes.get(agency)!;
      // A finish from a time without a key has no digest.
      const digest = finish.digest ?? (await this.digestAtFinish(agency, finish.bets));
      statements.push({ agency, bets: finish.bets, digest, winners: winners.get(agency) ?? [] });
    }
    return statements;
  }
}

/** Whether the text is a whole record. A crash can leave a part of one in a file. */
function isComplete(text: string): boolean {
  try {
    readSignedDraw(text);
    return true;
  } catch (error) {
    if (error instanceof DrawRecordFormatError) return false;
    throw error;
  }
}
