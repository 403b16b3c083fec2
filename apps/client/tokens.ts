/** What the agency's parts ask for, by name; container.ts says what they get. */
export const TOKENS = {
  ActionLog: Symbol.for('ActionLog'),
  AgencyId: Symbol.for('AgencyId'),
  DataFile: Symbol.for('DataFile'),
  BatchMaxAmount: Symbol.for('BatchMaxAmount'),
  Window: Symbol.for('Window'),
  RetryLimitMs: Symbol.for('RetryLimitMs'),
  SingleBet: Symbol.for('SingleBet'),
  SocketFactory: Symbol.for('SocketFactory'),
  BetSource: Symbol.for('BetSource'),
  Reconnector: Symbol.for('Reconnector'),
  Progress: Symbol.for('Progress'),
  Agency: Symbol.for('Agency'),
} as const;
