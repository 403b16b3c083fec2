import { stopSignal } from '../runtime/stop_signal';
import { runProgram } from '../runtime/program';
import { EchoClient } from './echo_client';
import { ECHO_CLIENT_SETTINGS } from './settings';

void runProgram(
  {
    name: 'echo-client',
    about: 'sends messages periodically and checks their echoes.',
    defaultFile: 'config/echo_client.ini',
    settings: ECHO_CLIENT_SETTINGS,
    logLevelSetting: 'CLI_LOG_LEVEL',
    main: (settings, { log }, stop) => new EchoClient(settings, log).run(stop),
  },
  stopSignal,
);
