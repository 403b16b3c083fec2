import { StoreConflictError } from './store_errors';

/** The terms of a draw. */
export interface DrawTerms {
  /** The number that wins. */
  readonly number: number;
  /** How many agencies take part. */
  readonly agencies: number;
}

/** Keeps that the draw was held. A store implements it; the draw itself is a rule of the lottery (lottery_draw.ts). */
export interface DrawRecord {
  /** The terms of the draw that was held; undefined before that. */
  held(): Promise<DrawTerms | undefined>;

  /**
   * Resolves once it is durable that the draw was held.
   *
   * @throws StoreError
   */
  record(terms: DrawTerms): Promise<void>;
}

/** @throws StoreConflictError a draw was held with other terms than the settings have. */
export function requireSameTerms(held: DrawTerms | undefined, settings: DrawTerms): void {
  if (held === undefined || (held.number === settings.number && held.agencies === settings.agencies)) return;
  throw new StoreConflictError(
    `the draw was held already, with the number ${held.number} and ${held.agencies} agencies; ` +
      `the settings say ${settings.number} and ${settings.agencies}`,
  );
}
