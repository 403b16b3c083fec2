import { runProgram } from '../runtime/program';
import { type Agency } from './agency';
import { createClientContainer } from './container';
import { BET_SETTINGS, CLIENT_SETTINGS } from './settings';
import { TOKENS } from './tokens';

void runProgram({
  name: 'lottery-client',
  about: "uploads an agency's bets and gets its winners; with the five settings of a bet, places just that one.",
  defaultFile: 'config/client.ini',
  settings: CLIENT_SETTINGS,
  logLevelSetting: 'CLI_LOG_LEVEL',
  unlogged: BET_SETTINGS,
  main: async (settings, log, stop) => createClientContainer(settings, log).get<Agency>(TOKENS.Agency).run(stop),
});
