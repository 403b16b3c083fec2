import { chmod, mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { DIST } from '../support/app';
import { outputOf } from '../support/command';
import { LotterySandbox } from '../support/lottery_sandbox';
import { ServerProcess } from '../torture/support/server_process';

const BET = '1,Ana,Paz,1,1999-03-17,7';
const FILES = ['bets.csv', 'bets.journal', 'bets.mark', 'draw.journal', 'finished.journal'];

describe('the permissions of a store', function () {
  this.timeout(20_000);
  let sandbox: LotterySandbox;

  beforeEach(async () => {
    sandbox = await LotterySandbox.create();
  });

  afterEach(async () => {
    await ServerProcess.killAll();
    await sandbox.dispose();
  });

  /** The command of a program under a umask. */
  const under = (umask: string): readonly string[] => ['bash', '-c', `umask ${umask} && exec "$0" "$@"`];

  function start(path: string, wrapper: readonly string[] = []): ServerProcess {
    return new ServerProcess({ SERVER_DATA_DIR: sandbox.path(path), SERVER_AGENCIES: '1' }, { wrapper });
  }

  async function storeOneBet(server: ServerProcess): Promise<void> {
    const agency = await sandbox.connect(await server.listening);
    expect(await agency.ask('B', BET)).to.equal('O 1');
    expect(await agency.ask('F')).to.equal('O 1');
    agency.end();
    expect((await server.stop('SIGTERM')).code, server.output).to.equal(0);
  }

  /** The modes of all entries below a directory, by path. */
  async function modesBelow(path: string): Promise<Record<string, string>> {
    const modes: Record<string, string> = {};
    for (const name of await readdir(sandbox.path(path), { recursive: true })) {
      modes[join(path, name)] = await modeOf(join(path, name));
    }
    return modes;
  }

  async function modeOf(path: string): Promise<string> {
    return ((await stat(sandbox.path(path))).mode & 0o7777).toString(8);
  }

  for (const umask of ['0000', '0022', '0027', '0077', '0277', '0777']) {
    it(`are restricted to its owner under the umask ${umask}, including new parents and an archive`, async () => {
      await mkdir(sandbox.path('data'), { mode: 0o700 });
      const server = start('data/above/store', under(umask));
      await storeOneBet(server);
      expect(server.lines.filter((line) => line.includes('check_permissions'))).to.deep.equal([]);
      const inStore = Object.fromEntries(FILES.map((name) => [`data/above/store/${name}`, '600']));
      const directories = { 'data/above': '700', 'data/above/store': '700' };
      expect(await modesBelow('data')).to.deep.equal({ ...directories, ...inStore });
      expect(String(await readFile(sandbox.path('data/above/store/bets.csv')))).to.equal(`${BET}\n`);

      const [command, ...args] = [...under(umask), process.execPath, join(DIST, 'apps/server/new_draw.js')];
      await outputOf(command, args, {
        env: { CONFIG_FILE: '/dev/null', SERVER_DATA_DIR: sandbox.path('data/above/store') },
      });
      const [archive] = await readdir(sandbox.path('data/above/store'));
      const path = `data/above/store/${archive}`;
      const inArchive = Object.fromEntries(FILES.map((name) => [`${path}/${name}`, '600']));
      expect(await modesBelow('data')).to.deep.equal({ ...directories, [path]: '700', ...inArchive });
    });
  }

  const open: [directory: number, file: number, isReadable: boolean][] = [
    [0o755, 0o644, true],
    [0o710, 0o640, true],
    [0o701, 0o604, true],
    [0o711, 0o600, false],
    [0o700, 0o644, false],
    [0o710, 0o604, false],
    [0o701, 0o640, false],
  ];
  for (const [directory, file, isReadable] of open) {
    const modes = `${file.toString(8).padStart(4, '0')} in ${directory.toString(8).padStart(4, '0')}`;
    it(`stay unchanged if it exists: ${modes} causes ${isReadable ? 'a' : 'no'} warning`, async () => {
      await storeOneBet(start('store'));
      await chmod(sandbox.path('store/bets.csv'), file);
      await chmod(sandbox.path('store'), directory);
      const before = await modesBelow('store');
      const server = start('store');
      await server.listening;
      expect((await server.stop('SIGTERM')).code).to.equal(0);
      const [fileMode, directoryMode] = modes.split(' in ');
      const expected = ` WARNING  action: check_permissions | result: fail | dir: ${sandbox.path('store')} | dir_mode: ${directoryMode} | readable_by_others: bets.csv ${fileMode}`;
      const warnings = server.lines.filter((line) => line.includes('check_permissions'));
      expect(warnings.map((line) => line.slice('YYYY-MM-DD HH:MM:SS'.length))).to.deep.equal(
        isReadable ? [expected] : [],
      );
      expect(await modesBelow('store')).to.deep.equal(before);
      expect(await modeOf('store')).to.equal(directory.toString(8));
    });
  }
});
