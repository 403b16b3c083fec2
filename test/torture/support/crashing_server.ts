import { ActionLog } from '../../../apps/runtime/action_log';
import { loadSettings } from '../../../apps/runtime/settings';
import { createServerContainer } from '../../../apps/server/container';
import { type LotteryServer } from '../../../apps/server/lottery_server';
import { SERVER_SETTINGS } from '../../../apps/server/settings';
import {
  DiskDirectory,
  type StoreDirectory,
  type StoreFile,
} from '../../../apps/server/storage/files/disk/file_system';
import { TOKENS } from '../../../apps/server/tokens';

/**
 * A server that kills its own process (SIGKILL) at step CRASH_STEP: before or after a write, a flush or another change of
 * its files, or a turn after the write of the mark, right after the acknowledgements.
 */
const crashStep = Number(process.env['CRASH_STEP']);
let steps = 0;

function step(): void {
  if (steps++ === crashStep) process.kill(process.pid, 'SIGKILL');
}

async function stepped<Result>(work: Promise<Result>): Promise<Result> {
  const result = await work;
  step();
  return result;
}

function crashing(file: StoreFile, name: string): StoreFile {
  return {
    read: (target, position) => file.read(target, position),
    size: () => file.size(),
    close: () => file.close(),
    write: (buffers, position) => {
      step();
      if (name === 'bets.mark') setImmediate(() => setImmediate(step));
      return stepped(file.write(buffers, position));
    },
    sync: () => {
      step();
      return stepped(file.sync());
    },
    truncate: (size) => {
      step();
      return stepped(file.truncate(size));
    },
  };
}

const settings = loadSettings(SERVER_SETTINGS, { defaultFile: '', environment: process.env });
const container = createServerContainer(settings, new ActionLog('INFO', (lines) => process.stdout.write(lines)));
const disk = new DiskDirectory(settings.SERVER_DATA_DIR);
const directory: StoreDirectory = {
  path: disk.path,
  opened: disk.opened,
  entry: (name) => disk.entry(name),
  claim: (stop) => disk.claim(stop),
  release: () => disk.release(),
  sync: () => stepped(disk.sync()),
  create: async (name) => crashing(await stepped(disk.create(name)), name),
  open: async (name) => {
    const file = await disk.open(name);
    return file === undefined ? undefined : crashing(file, name);
  },
};
container.rebind(TOKENS.StoreDirectory).toConstantValue(directory);
const stop = new AbortController();
process.on('SIGTERM', () => {
  process.stdout.write(`steps: ${steps}\n`);
  stop.abort();
});
void container
  .get<LotteryServer>(TOKENS.LotteryServer)
  .run(stop.signal)
  .then((code) => (process.exitCode = code));
