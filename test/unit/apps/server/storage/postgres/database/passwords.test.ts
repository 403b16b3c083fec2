import { expect } from 'chai';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SettingsError } from '../../../../../../../apps/runtime/settings';
import { databaseTargetOf } from '../../../../../../../apps/server/storage/postgres/database/database_target';
import { expectCode } from '../../../../../../support/rejection';

const URL = 'postgresql://lottery@a:1,%2Frun:2/bets';
const host = { host: 'a', port: 1 };
const socket = { host: '/run', port: 2 };

describe('the password of the database', () => {
  let directory: string;
  let file: string;
  const environment = { PGPASSFILE: process.env['PGPASSFILE'], PGPASSWORD: process.env['PGPASSWORD'] };

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'passwords-'));
    file = join(directory, 'password');
    delete process.env['PGPASSWORD'];
    process.env['PGPASSFILE'] = join(directory, 'pgpass');
  });

  afterEach(() => {
    for (const [name, value] of Object.entries(environment)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    rmSync(directory, { recursive: true });
  });

  const target = (url: string, passwordFile?: string) =>
    databaseTargetOf({ SERVER_DATABASE_URL: url, SERVER_DATABASE_PASSWORD_FILE: passwordFile });

  it('may stand in the URL', async () => {
    expect(await target('postgresql://lottery:s3cret@a/bets').readPassword(host)).to.equal('s3cret');
  });

  it('may stand in the first line of a file, which is read each time', async () => {
    writeFileSync(file, 'first \n\n');
    const { readPassword } = target(URL, file);
    expect(await readPassword(host)).to.equal('first ');
    writeFileSync(file, 'second');
    expect(await readPassword(host)).to.equal('second');
    rmSync(file);
    await expectCode(readPassword(host), 'UNUSABLE_SETTINGS');
  });

  it('is refused in two places, and in a file without one', () => {
    expect(() => target(URL, file)).to.throw(SettingsError, /SERVER_DATABASE_PASSWORD_FILE cannot be read: ENOENT/);
    writeFileSync(file, '\nsecond line\n');
    expect(() => target(URL, file)).to.throw(SettingsError, /has an empty first line/);
    writeFileSync(file, 's3cret\n');
    expect(() => target('postgresql://lottery:s3cret@a/bets', file))
      .to.throw(SettingsError, /keep one$/)
      .with.property('message')
      .that.does.not.include('s3cret');
  });

  it('is looked up in the file of PGPASSFILE, by host, port, database and user', async () => {
    const lines = ['a:1:other:lottery:no', 'a:2:*:*:no', 'a:1:bets:lottery:y\\:es', 'localhost:2:*:lottery:by socket'];
    writeFileSync(process.env['PGPASSFILE']!, `${lines.join('\n')}\n`, { mode: 0o600 });
    const { readPassword } = target(URL);
    expect(await readPassword(host)).to.equal('y:es');
    expect(await readPassword(socket)).to.equal('by socket');
    expect((await expectCode(readPassword({ host: 'b', port: 1 }), 'UNUSABLE_SETTINGS')).message).to.equal(
      'the database requires a password for lottery, and there is none in SERVER_DATABASE_URL, ' +
        'SERVER_DATABASE_PASSWORD_FILE, PGPASSWORD or the file of PGPASSFILE',
    );
  });

  it('of the variable PGPASSWORD has precedence over that file', async () => {
    writeFileSync(process.env['PGPASSFILE']!, '*:*:*:*:no\n', { mode: 0o600 });
    process.env['PGPASSWORD'] = 'from the environment';
    expect(await target(URL).readPassword(host)).to.equal('from the environment');
  });

  it('is refused without a URL', () => {
    const settings = { SERVER_DATABASE_URL: undefined, SERVER_DATABASE_PASSWORD_FILE: undefined };
    expect(() => databaseTargetOf(settings)).to.throw(SettingsError, 'SERVER_DATABASE_URL is not set');
  });
});
