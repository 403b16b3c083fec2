import { writeLine, writeText } from '../apps/runtime/standard_streams';
import { ArgumentError, parseOptions, parseWholeNumber } from './arguments';
import { ForeignFileError, makeSampleData } from './sample_data';

/** `make data`: generates the agencies' sample files. */
async function main(): Promise<number> {
  const values = parseOptions({
    agencies: { type: 'string', default: '5' },
    bets: { type: 'string', default: '10000' },
    directory: { type: 'string', default: '.data' },
    'only-missing': { type: 'boolean', default: false },
  });
  const made = await makeSampleData({
    directory: values.directory,
    agencies: parseWholeNumber('AGENCIES', values.agencies, 1, 1_000_000),
    bets: parseWholeNumber('BETS', values.bets, 0, 100_000_000),
    onlyMissing: values['only-missing'],
  });
  for (const path of made) writeLine(process.stdout, `${path}: ${values.bets} bets`);
  return 0;
}

main().then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    const isClear = error instanceof ArgumentError || error instanceof ForeignFileError;
    if (isClear) writeLine(process.stderr, `data: ${error.message}`);
    else writeText(process.stderr, `data: ${(error as Error).stack}\n`);
    process.exitCode = error instanceof ForeignFileError ? 1 : 2;
  },
);
