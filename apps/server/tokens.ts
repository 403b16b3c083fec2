/** What the server's parts ask for, by name; container.ts says what they get. */
export const TOKENS = {
  ActionLog: Symbol.for('ActionLog'),
  ServerSettings: Symbol.for('ServerSettings'),
  ExpectedAgencies: Symbol.for('ExpectedAgencies'),
  WinningNumber: Symbol.for('WinningNumber'),
  StoreDirectory: Symbol.for('StoreDirectory'),
  Store: Symbol.for('Store'),
  BetRepository: Symbol.for('BetRepository'),
  FinishTracker: Symbol.for('FinishTracker'),
  WinnerService: Symbol.for('WinnerService'),
  ServerActivity: Symbol.for('ServerActivity'),
  StoreObserver: Symbol.for('StoreObserver'),
  SessionRegistry: Symbol.for('SessionRegistry'),
  SessionFactory: Symbol.for('SessionFactory'),
  ListenSocket: Symbol.for('ListenSocket'),
  StatusSide: Symbol.for('StatusSide'),
  LotteryServer: Symbol.for('LotteryServer'),
} as const;
