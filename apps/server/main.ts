import { runProgram } from '../runtime/program';
import { createServerContainer } from './container';
import { type LotteryServer } from './lottery_server';
import { SERVER_SETTINGS } from './settings';
import { TOKENS } from './tokens';

void runProgram({
  name: 'lottery-server',
  about: "takes the agencies' bets, holds the draw and tells each agency its winners.",
  defaultFile: 'config/server.ini',
  settings: SERVER_SETTINGS,
  logLevelSetting: 'LOGGING_LEVEL',
  main: (settings, { log }, stop) =>
    createServerContainer(settings, log).get<LotteryServer>(TOKENS.LotteryServer).run(stop),
});
