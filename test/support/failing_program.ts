import { runProgram } from '../../apps/runtime/program';
import { logLevel } from '../../apps/runtime/setting_schemas';

/** A program that fails at `FAILING_PLACE` with the message `FAILING_MESSAGE`. */
void runProgram(
  {
    name: 'failing-program',
    about: 'fails.',
    defaultFile: 'none.ini',
    settings: { LOGGING_LEVEL: { schema: logLevel, fallback: 'INFO', about: 'a level' } },
    logLevelSetting: 'LOGGING_LEVEL',
    main: async (_settings, { log }) => {
      log.info('fail', 'in_progress');
      const error = new Error(process.env['FAILING_MESSAGE']);
      if (process.env['FAILING_PLACE'] === 'main') throw error;
      setImmediate(() => {
        throw error;
      });
      return new Promise(() => setTimeout(() => {}, 60_000));
    },
  },
  new AbortController().signal,
);
