/** `make bench-system`: measures speed, memory and start-up of the whole system, and compares them with references. */
import { mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { loadavg } from 'node:os';
import { ArgumentError, parseOptions, parseWholeNumber } from '../../tools/arguments';
import { type Part } from './part';
import { connections } from './parts/connections';
import { draw } from './parts/draw';
import { startUp } from './parts/start_up';
import { hostile } from './parts/hostile';
import { postgres } from './parts/postgres';
import { million, tenMillion } from './parts/steady_rate';
import { tls } from './parts/tls';
import { wholeWork } from './parts/whole_work';

const PARTS: readonly Part[] = [wholeWork, startUp, million, draw, connections, tls, hostile, postgres, tenMillion];
/** The parts that only a run with `--full` includes. */
const LONG = new Set([tenMillion]);

async function main(): Promise<void> {
  const values = parseOptions({
    parts: { type: 'string' },
    rounds: { type: 'string', default: '7' },
    full: { type: 'boolean', default: false },
    directory: { type: 'string', default: '.data/bench' },
  });
  const parts = choose(values.parts, values.full);
  const rounds = parseWholeNumber('ROUNDS', values.rounds, 1, 1000);
  const directory = resolve(values.directory);
  mkdirSync(directory, { recursive: true });
  for (const part of parts) {
    print(`\n${part.name}: ${part.about}\n`);
    await part.run({
      directory,
      rounds,
      full: values.full,
      print: (figure, value) => print(`  ${figure.padEnd(52)} ${value}\n`),
    });
  }
  rmSync(join(directory, 'run'), { recursive: true, force: true });
  print(`\nmedian (least … most); ratios are of the same round; load average ${loadavg()[0]!.toFixed(1)}\n`);
}

function choose(names: string | undefined, full: boolean): readonly Part[] {
  if (names === undefined) return PARTS.filter((part) => full || !LONG.has(part));
  return names.split(',').map((name) => {
    const part = PARTS.find((each) => each.name === name);
    if (part !== undefined) return part;
    const known = PARTS.map((each) => each.name).join(', ');
    throw new ArgumentError(`PARTS has no part ${JSON.stringify(name)}: the parts are ${known}`);
  });
}

function print(text: string): void {
  process.stdout.write(text);
}

main().catch((error: unknown) => {
  const isClear = error instanceof ArgumentError;
  process.stderr.write(`bench-system: ${isClear ? error.message : String((error as Error).stack)}\n`);
  process.exitCode = isClear ? 2 : 1;
});
