import { stopSignal } from '../runtime/stop_signal';
import { setFlagsFromString } from 'node:v8';
import { runProgram } from '../runtime/program';
import { createServerContainer } from './container';
import { type LotteryServer } from './lottery_server';
import { SERVER_SETTINGS } from './settings';
import { TOKENS } from './tokens';

// V8's young generation stays as small as it starts (1 MB, with its copy 2): what the server allocates for a batch is soon
// garbage, and a young generation that grows with it, up to 32 MB, is memory that is never given back.
setFlagsFromString('--semi-space-growth-factor=1');

void runProgram(
  {
    name: 'lottery-server',
    about: "takes the agencies' bets, holds the draw and tells each agency its winners.",
    defaultFile: 'config/server.ini',
    settings: SERVER_SETTINGS,
    logLevelSetting: 'LOGGING_LEVEL',
    main: (settings, { log }, stop) =>
      createServerContainer(settings, log).get<LotteryServer>(TOKENS.LotteryServer).run(stop),
  },
  stopSignal,
);
