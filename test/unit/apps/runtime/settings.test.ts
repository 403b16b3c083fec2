import { expect } from 'chai';
import { parse as parseIni } from 'ini';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CLIENT_SETTINGS } from '../../../../apps/client/settings';
import { ECHO_CLIENT_SETTINGS, ECHO_SERVER_SETTINGS } from '../../../../apps/echo/settings';
import { hostAndPort, logLevel, nonEmptyText, wholeNumber } from '../../../../apps/runtime/setting_schemas';
import { loadSettings, SettingsError, type SettingsTable } from '../../../../apps/runtime/settings';
import { SERVER_SETTINGS } from '../../../../apps/server/settings';

const TABLE = {
  PORT: { schema: wholeNumber(1, 65_535), fallback: '80', about: 'a port' },
  NAME: { schema: nonEmptyText, fallback: 'nobody', about: 'a name' },
  LEVEL: { schema: logLevel, fallback: 'INFO', about: 'a level' },
  PLACE: { schema: hostAndPort, fallback: undefined, about: 'a place' },
} satisfies SettingsTable;

describe('settings', () => {
  let directory: string;
  let file: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'settings-'));
    file = join(directory, 'app.ini');
  });

  afterEach(() => {
    rmSync(directory, { recursive: true });
  });

  const load = (environment: Record<string, string> = {}) => loadSettings(TABLE, { defaultFile: file, environment });

  function expectUnusable(environment: Record<string, string>, message: string): void {
    expect(() => load(environment))
      .to.throw(SettingsError)
      .with.property('message', message);
  }

  it('have their defaults where neither file nor environment say otherwise', () => {
    expect(load()).to.deep.equal({ PORT: 80, NAME: 'nobody', LEVEL: 'INFO' });
  });

  it('stand in the section [DEFAULT] of the file, and the environment wins', () => {
    writeFileSync(file, '; words\n[DEFAULT]\n PORT = 81 ; more words\nNAME = "a = b"\nLEVEL=debug\nPLACE=[::1]:5\n');
    expect(load({ NAME: 'me', OTHER: 'x' })).to.deep.equal({
      PORT: 81,
      NAME: 'me',
      LEVEL: 'DEBUG',
      PLACE: { host: '::1', port: 5 },
    });
  });

  it('may stand in a file that an editor has begun with a byte order mark', () => {
    writeFileSync(file, '\ufeff[DEFAULT]\r\nPORT = 81\r\n');
    expect(load().PORT).to.equal(81);
    writeFileSync(file, '\ufeff; words\n[DEFAULT]\nPORT = 82\n');
    expect(load().PORT).to.equal(82);
  });

  it('stand in the file that CONFIG_FILE names, which must be there', () => {
    const other = join(directory, 'other.ini');
    writeFileSync(other, '[DEFAULT]\nPORT=99\n');
    expect(load({ CONFIG_FILE: other }).PORT).to.equal(99);
    rmSync(other);
    expect(() => load({ CONFIG_FILE: other })).to.throw(SettingsError, /other\.ini cannot be read: .*ENOENT/);
    expect(() => load({ CONFIG_FILE: directory })).to.throw(SettingsError, /cannot be read/);
  });

  it('that cannot be used are named, with where they stand', () => {
    expectUnusable({ PORT: '0' }, 'environment: PORT must be a whole number from 1 to 65535, but is "0"');
    expectUnusable({ NAME: ' ' }, 'environment: NAME must not be empty, but is " "');
    writeFileSync(file, '[DEFAULT]\nPORT = eighty\n');
    expectUnusable({}, `${file}: PORT must be a whole number from 1 to 65535, but is "eighty"`);
  });

  it('that nobody knows are refused in the file, and left alone in the environment', () => {
    writeFileSync(file, '[DEFAULT]\nPROT = 81\n');
    expectUnusable({}, `${file}: unknown setting PROT`);
    for (const text of ['[DEFAULT]\nconstructor = 1\n', '[DEFAULT]\ntoString = 1\n']) {
      writeFileSync(file, text);
      expect(() => load()).to.throw(SettingsError, /unknown setting/);
    }
  });

  it('that stand elsewhere in the file are refused', () => {
    writeFileSync(file, 'PORT = 81\n');
    expectUnusable({}, `${file}: PORT stands outside of the section [DEFAULT]`);
    writeFileSync(file, '[SERVER]\nPORT = 81\n');
    expectUnusable({}, `${file}: unknown section [SERVER]; settings stand in [DEFAULT]`);
    writeFileSync(file, '[DEFAULT.MORE]\nPORT = 81\n');
    expectUnusable({}, `${file}: MORE is not a single value`);
  });

  it('that are lists are refused', () => {
    writeFileSync(file, '[DEFAULT]\nPORT[] = 81\n');
    expectUnusable({}, `${file}: PORT is not a single value`);
  });

  it('errors are one line, whatever they quote', () => {
    for (const text of ['a\nb', 'a\r\nb', '\u0000', 'x'.repeat(10)]) {
      try {
        load({ PORT: text });
        expect.fail('it was taken');
      } catch (error) {
        expect(error).to.be.instanceOf(SettingsError);
        expect((error as Error).message).not.to.match(/[\n\r]/);
      }
    }
  });

  for (const text of ['1.5', '-1', '+5', '1e2', '0x10', ' ', '', '٣', '65536', '9'.repeat(20), 'Infinity']) {
    it(`have no whole number ${JSON.stringify(text)}`, () => {
      expect(() => load({ PORT: text })).to.throw(SettingsError);
    });
  }

  for (const text of [
    'host',
    'host:',
    ':80',
    'host:0',
    'host:65536',
    'a b:80',
    '::1:80',
    '[::1]',
    'host:8o',
    'http://x:1',
  ]) {
    it(`have no address ${JSON.stringify(text)}`, () => {
      expect(() => load({ PLACE: text })).to.throw(SettingsError, /PLACE must be host:port/);
    });
  }
});

describe('the settings files of the project', () => {
  for (const [name, table] of [
    ['server.ini', SERVER_SETTINGS],
    ['client.ini', CLIENT_SETTINGS],
    ['echo.ini', ECHO_SERVER_SETTINGS],
    ['echo_client.ini', ECHO_CLIENT_SETTINGS],
  ] as [string, SettingsTable][]) {
    const path = join(__dirname, '../../../../config', name);

    it(`${name} has every setting with its default, each with words above it, and no other`, () => {
      const text = readFileSync(path, 'utf8');
      const values = (parseIni(text) as Record<string, Record<string, string>>)['DEFAULT']!;
      const defaults = Object.entries(table).filter(([, { fallback }]) => fallback !== undefined);
      expect(values).to.deep.equal(Object.fromEntries(defaults.map(([setting, { fallback }]) => [setting, fallback])));
      const lines = text.split('\n');
      for (const [setting, { fallback }] of Object.entries(table)) {
        const at = lines.findIndex((line) =>
          line.startsWith(fallback === undefined ? `; ${setting} =` : `${setting} =`),
        );
        expect(at, `${setting} in ${name}`).to.be.greaterThan(0);
        expect(lines[at - 1], `the words above ${setting}`).to.match(/^; \S/);
      }
    });

    it(`${name} gives the defaults`, () => {
      const sources = { defaultFile: path, environment: {} };
      expect(loadSettings(table, sources)).to.deep.equal(loadSettings(table, { ...sources, defaultFile: 'none.ini' }));
    });
  }
});
