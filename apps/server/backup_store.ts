import { stopSignal } from '../runtime/stop_signal';
import { dataOutput, writePieces } from '../runtime/data_output';
import { SettingsError } from '../runtime/settings';
import { type CommandContext, runServerCommand } from './process/server_command';
import { archiveOf } from './storage/files/backup/backup_archive';
import { writeBackupDirectory } from './storage/files/backup/backup_directory';
import { type StoreSnapshot, takeSnapshot } from './storage/files/backup/store_snapshot';
import { ReadOnlyDirectory } from './storage/files/disk/read_only_directory';
import { withNamedDirectory } from './storage/files/named_directory';

/** `make backup`: a copy of the files of a running server. */
void runServerCommand(
  {
    name: 'lottery-backup',
    about: 'copies the files of a running server, to stdout as a tar archive, or to a new directory.',
    settings: ['SERVER_STORE', 'SERVER_DATA_DIR'],
    options: { to: { about: 'DIRECTORY writes the files into this new directory instead of stdout' } },
    run: backUp,
  },
  stopSignal,
);

async function backUp({ settings, options: { to }, stop, print }: CommandContext): Promise<void> {
  const { SERVER_STORE: store, SERVER_DATA_DIR: directory } = settings;
  if (store !== 'file') {
    throw new SettingsError(
      `SERVER_STORE=${store}: pg_dump or the archived WAL is the backup of a database (docs/cluster.md)`,
    );
  }
  if (to === '') throw new SettingsError('--to is empty: it must be the path of a new directory');
  if (to === undefined && process.stdout.isTTY) {
    throw new SettingsError('stdout is a terminal: redirect the archive to a file, or name a new directory (--to)');
  }
  await withNamedDirectory(directory, async () => {
    const snapshot = await takeSnapshot(new ReadOnlyDirectory(directory), stop);
    try {
      if (to === undefined) return await writePieces(archiveOf(snapshot.files), dataOutput(), stop);
      await writeBackupDirectory(to, snapshot.files);
      print(`the store of ${directory} is in ${to}: ${describe(snapshot)}`);
    } finally {
      await snapshot.close();
    }
  });
}

function describe({ counts }: StoreSnapshot): string {
  const bets = Array.from(counts.values()).reduce((one, other) => one + other, 0);
  return `${bets} bets of ${counts.size} agencies`;
}
