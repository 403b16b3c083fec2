import { stopSignal } from '../runtime/stop_signal';
import { runProgram } from '../runtime/program';
import { createServerContainer } from './container';
import { type LotteryServer } from './lottery_server';
import { SERVER_SETTINGS } from './settings';
import { TOKENS } from './tokens';
import { fixYoungGeneration } from './process/young_generation';

/** The delay keeps this work out of the start. */
const STARTED_MS = 100;

void runProgram(
  {
    name: 'lottery-server',
    about: "stores the agencies' bets, holds the draw and sends each agency its winners.",
    defaultFile: 'config/server.ini',
    settings: SERVER_SETTINGS,
    logLevelSetting: 'LOGGING_LEVEL',
    main: (settings, { log }, stop) => {
      setTimeout(fixYoungGeneration, STARTED_MS).unref();
      return createServerContainer(settings, log).get<LotteryServer>(TOKENS.LotteryServer).run(stop);
    },
  },
  stopSignal,
);
