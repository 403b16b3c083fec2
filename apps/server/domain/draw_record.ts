import { StoreConflictError } from './store_errors';

/** The terms of a draw. */
export interface DrawTerms {
  /** The winning number. */
  readonly number: number;
  /** The number of participating agencies. */
  readonly agencies: number;
}

/** Records the draw durably. A store implements it; the draw itself is a rule of the lottery (lottery_draw.ts). */
export interface DrawRecord {
  /**
   * Records the draw, unless it is recorded already. Resolves once the record is durable.
   *
   * @throws StoreError
   */
  record(terms: DrawTerms): Promise<void>;

  /**
   * The stored evidence of the draw, or undefined without one. After a crash it can be a part of the evidence.
   *
   * @throws StoreError
   */
  readEvidence(): Promise<string | undefined>;

  /**
   * Stores the evidence of a recorded draw. Resolves once it is durable.
   *
   * @throws StoreError
   */
  writeEvidence(text: string): Promise<void>;
}

/** @throws StoreConflictError the recorded draw has other terms than the settings. */
export function requireSameTerms(held: DrawTerms | undefined, settings: DrawTerms): void {
  if (held === undefined || (held.number === settings.number && held.agencies === settings.agencies)) return;
  throw new StoreConflictError(
    `the draw was held already, with the number ${held.number} and ${held.agencies} agencies; ` +
      `the settings have ${settings.number} and ${settings.agencies}`,
  );
}
