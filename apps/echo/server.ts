import { stopSignal } from '../runtime/stop_signal';
import { runProgram } from '../runtime/program';
import { EchoServer } from './echo_server';
import { ECHO_SERVER_SETTINGS } from './settings';

void runProgram(
  {
    name: 'echo-server',
    about: 'sends every line back to its sender.',
    defaultFile: 'config/echo.ini',
    settings: ECHO_SERVER_SETTINGS,
    logLevelSetting: 'LOGGING_LEVEL',
    main: (settings, { log }, stop) => new EchoServer(settings, log).run(stop),
  },
  stopSignal,
);
