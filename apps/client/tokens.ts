/** The dependencies of the client's classes. container.ts binds each of them. */
export const TOKENS = {
  Settings: Symbol.for('ClientSettings'),
  ActionLog: Symbol.for('ActionLog'),
  Progress: Symbol.for('Progress'),
  LookUp: Symbol.for('LookUp'),
  NameResolver: Symbol.for('NameResolver'),
  EndpointFinder: Symbol.for('EndpointFinder'),
  EndpointRounds: Symbol.for('EndpointRounds'),
  SocketFactory: Symbol.for('SocketFactory'),
  Reconnector: Symbol.for('Reconnector'),
  DataFile: Symbol.for('DataFile'),
  BetSource: Symbol.for('BetSource'),
  SingleBet: Symbol.for('SingleBet'),
  Agency: Symbol.for('Agency'),
} as const;
