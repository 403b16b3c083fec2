import { expect } from 'chai';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CLIENT_SETTINGS } from '../../../../apps/client/settings';
import { ECHO_CLIENT_SETTINGS, ECHO_SERVER_SETTINGS } from '../../../../apps/echo/settings';
import { readIni } from '../../../../apps/runtime/ini_file';
import {
  bindAddress,
  filePath,
  hostAndPort,
  hostsAndPorts,
  logLevel,
  nonEmptyText,
  wholeNumber,
} from '../../../../apps/runtime/setting_schemas';
import { loadSettings, SettingsError, type SettingsTable } from '../../../../apps/runtime/settings';
import { SERVER_SETTINGS } from '../../../../apps/server/settings';

const TABLE = {
  PORT: { schema: wholeNumber(1, 65_535), fallback: '80', about: 'a port' },
  NAME: { schema: nonEmptyText, fallback: 'nobody', about: 'a name' },
  LEVEL: { schema: logLevel, fallback: 'INFO', about: 'a level' },
  PLACE: { schema: hostAndPort, fallback: undefined, about: 'a place' },
  PLACES: { schema: hostsAndPorts, fallback: undefined, about: 'places' },
  ADDRESS: { schema: bindAddress, fallback: undefined, about: 'an address' },
  PATH_NAME: { schema: filePath, fallback: undefined, about: 'a path' },
  SECRET: { schema: wholeNumber(1, 9), fallback: undefined, about: 'a secret', secret: true },
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

  it('have their defaults if they are neither in the file nor in the environment', () => {
    expect(load()).to.deep.equal({ PORT: 80, NAME: 'nobody', LEVEL: 'INFO' });
  });

  it('are in the section [DEFAULT] of the file, and the environment has precedence', () => {
    writeFileSync(file, '; words\n[DEFAULT]\n PORT = 81 ; more words\nNAME = "a = b"\nLEVEL=debug\nPLACE=[::1]:5\n');
    expect(load({ NAME: 'me', OTHER: 'x' })).to.deep.equal({
      PORT: 81,
      NAME: 'me',
      LEVEL: 'DEBUG',
      PLACE: { host: '::1', port: 5 },
    });
  });

  it('may be in a file with a byte order mark at its beginning', () => {
    writeFileSync(file, '\ufeff[DEFAULT]\r\nPORT = 81\r\n');
    expect(load().PORT).to.equal(81);
    writeFileSync(file, '\ufeff; words\n[DEFAULT]\nPORT = 82\n');
    expect(load().PORT).to.equal(82);
  });

  it('are in the file of CONFIG_FILE, which must exist', () => {
    const other = join(directory, 'other.ini');
    writeFileSync(other, '[DEFAULT]\nPORT=99\n');
    expect(load({ CONFIG_FILE: other }).PORT).to.equal(99);
    rmSync(other);
    expect(() => load({ CONFIG_FILE: other })).to.throw(SettingsError, /other\.ini cannot be read: .*ENOENT/);
    expect(() => load({ CONFIG_FILE: directory })).to.throw(SettingsError, /cannot be read/);
  });

  it('with an invalid value are reported with their place', () => {
    expectUnusable({ PORT: '0' }, 'environment: PORT must be a whole number from 1 to 65535, but is "0"');
    expectUnusable({ NAME: ' ' }, 'environment: NAME must not be empty, but is " "');
    writeFileSync(file, '[DEFAULT]\nPORT = eighty\n');
    expectUnusable({}, `${file}:2: PORT must be a whole number from 1 to 65535, but is "eighty"`);
  });

  it('with a secret are named without it', () => {
    expectUnusable({ SECRET: 'word' }, 'environment: SECRET must be a whole number from 1 to 9');
    expect(load({ SECRET: '7' }).SECRET).to.equal(7);
  });

  it("in a wrong place of the file are quoted without a database's URL", () => {
    const url = 'postgresql://me:word@host/db?sslmode=require';
    writeFileSync(file, `[DEFAULT]\nSECRET =\n${url}\n`);
    expectUnusable({ SECRET: '1' }, `${file}:3: unknown setting postgresql://…`);
    writeFileSync(file, `[DEFAULT]\nPORT = ${url}\n`);
    expectUnusable({}, `${file}:2: PORT must be a whole number from 1 to 65535, but is "postgresql://…`);
  });

  it('with an unknown name are refused in the file, and ignored in the environment', () => {
    for (const name of ['PROT', 'port', '__proto__', '"__proto__"', "'__proto__'", 'constructor', 'toString']) {
      writeFileSync(file, `[DEFAULT]\nPORT = 81\n${name} = 81\n`);
      expectUnusable({ PROT: '1', constructor: '1' }, `${file}:3: unknown setting ${name}`);
    }
    for (const name of ['hasOwnProperty', 'valueOf', 'PORT[]', '"PORT"', 'PORT ; words', 'DEFAULT.PORT', 'null']) {
      writeFileSync(file, `[DEFAULT]\n${name} = 81\n`);
      expectUnusable({}, `${file}:2: unknown setting ${name}`);
    }
    writeFileSync(file, '');
    expect(load({ PROT: '1', constructor: '1' })).to.deep.equal({ PORT: 80, NAME: 'nobody', LEVEL: 'INFO' });
  });

  it('outside of the section are refused', () => {
    for (const name of ['PORT', '__proto__']) {
      writeFileSync(file, `${name} = 81\n`);
      expectUnusable({}, `${file}:1: ${name} stands outside of the section [DEFAULT]`);
    }
    for (const name of [
      'SERVER',
      'default',
      '',
      '__proto__',
      'constructor',
      '"DEFAULT"',
      'DEFAULT.MORE',
      'DEFAULT\\.MORE',
    ]) {
      for (const content of ['PORT = 81\n', '']) {
        writeFileSync(file, `[DEFAULT]\nNAME = a\n[${name}]\n${content}`);
        expectUnusable({}, `${file}:3: unknown section [${name}]; settings stand in [DEFAULT]`);
      }
    }
  });

  it('with the same name twice are refused, as in Python', () => {
    writeFileSync(file, '[DEFAULT]\nPORT = 81\nNAME = a\nPORT = 81\n');
    expectUnusable({ PORT: '82' }, `${file}:4: PORT stands in ${file}:2 already`);
    writeFileSync(file, '[DEFAULT]\nPORT = 81\n[DEFAULT]\nPORT = 82\n');
    expectUnusable({}, `${file}:4: PORT stands in ${file}:2 already`);
    writeFileSync(file, '[DEFAULT]\nPORT = 81\n[DEFAULT]\nNAME = a\n');
    expect(load()).to.include({ PORT: 81, NAME: 'a' });
  });

  it('without a value are refused with their line', () => {
    writeFileSync(file, '[DEFAULT]\nPORT = 81\n\nNAME\n');
    expectUnusable({}, `${file}:4: "NAME" is no setting: a setting is written NAME = value`);
    writeFileSync(file, '[DEFAULT]\nNAME =\n');
    expectUnusable({}, `${file}:2: NAME must not be empty, but is ""`);
  });

  it('are the unchanged text of the file, also if it looks like a number or a keyword', () => {
    for (const text of ['true', 'null', '0042', '1e3', '"1e3"', '"null"', '"[1]"']) {
      writeFileSync(file, `[DEFAULT]\nNAME = ${text}\n`);
      expect(load().NAME).to.equal(text.replaceAll('"', ''));
    }
  });

  it('in a file that is not UTF-8 are refused', () => {
    for (const encoding of ['latin1', 'utf16le'] as const) {
      writeFileSync(file, Buffer.from('\ufeff[DEFAULT]\nNAME = ñ\n', encoding));
      expectUnusable({}, `the settings file ${file} is not UTF-8`);
    }
  });

  it('have errors of one line for any value', () => {
    for (const text of ['a\nb', 'a\r\nb', '\u0000', 'x'.repeat(10)]) {
      try {
        load({ PORT: text });
        expect.fail('the value was accepted');
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
    '[1::2::3]:80',
    '[::1%]:80',
    '[.]:80',
    'a\u0000b:80',
    'a\u001bb:80',
  ]) {
    it(`have no address ${JSON.stringify(text)}`, () => {
      expect(() => load({ PLACE: text })).to.throw(SettingsError, /PLACE must be host:port/);
    });
  }

  for (const [text, host] of [
    ['host:80', 'host'],
    ['127.0.0.1:80', '127.0.0.1'],
    ['[::1]:80', '::1'],
    ['[fe80::1%eth0]:80', 'fe80::1%eth0'],
  ] as const) {
    it(`may have the address ${JSON.stringify(text)}`, () => {
      expect(load({ PLACE: text }).PLACE).to.deep.equal({ host, port: 80 });
    });
  }

  for (const [text, ...places] of [
    ['server:12345', ['server', 12345]],
    [' server1:12345 , server2:12346,[::1]:5\t', ['server1', 12345], ['server2', 12346], ['::1', 5]],
    ['server:12345,server:12346', ['server', 12345], ['server', 12346]],
    ['b:1,a:1,10.0.0.1:1', ['b', 1], ['a', 1], ['10.0.0.1', 1]],
  ] as const) {
    it(`may have the addresses ${JSON.stringify(text)}, in this order`, () => {
      expect(load({ PLACES: text }).PLACES).to.deep.equal(places.map(([host, port]) => ({ host, port })));
    });
  }

  for (const text of [
    '',
    ',',
    'a:1,',
    ',a:1',
    'a:1,,b:1',
    'a:1 b:1',
    'a,b:1',
    'a:1,b',
    'a:1,b:0',
    'a:1;b:1',
    '::1:5,a:1',
  ]) {
    it(`have no addresses ${JSON.stringify(text)}`, () => {
      expectUnusable(
        { PLACES: text },
        'environment: PLACES must be host:port with a port from 1 to 65535, or several of them separated by commas, ' +
          `but is ${JSON.stringify(text)}`,
      );
    });
  }

  for (const text of ['a:1,b:1,a:1', 'server:1, SERVER:01', '[::1]:5,[::1]:5', '[FE80::1]:5,[fe80::1]:5']) {
    it(`have no address twice: ${JSON.stringify(text)}`, () => {
      expectUnusable(
        { PLACES: text },
        `environment: PLACES must have each server once, but is ${JSON.stringify(text)}`,
      );
    });
  }

  for (const [text, host] of [
    ['0.0.0.0', '0.0.0.0'],
    [' ::1 ', '::1'],
    ['[::1]', '::1'],
    ['[::]', '::'],
    ['::', '::'],
    ['[fe80::1%eth0]', 'fe80::1%eth0'],
    ['[::ffff:127.0.0.1]', '::ffff:127.0.0.1'],
    ['localhost', 'localhost'],
    ['my_host.example', 'my_host.example'],
  ] as const) {
    it(`may have the address ${JSON.stringify(text)} to bind`, () => {
      expect(load({ ADDRESS: text }).ADDRESS).to.equal(host);
    });
  }

  for (const text of [
    '[]',
    '[',
    '[::1',
    '::1]',
    '[[::1]]',
    '[127.0.0.1]',
    '[localhost]',
    '[1::2::3]',
    '1::2::3',
    ':::',
    '127.0.0.1:80',
    '[::1]:80',
    'a b',
    'a\u0000b',
    'a\u001bb',
    'http://x',
  ]) {
    it(`have no address ${JSON.stringify(text)} to bind`, () => {
      expectUnusable(
        { ADDRESS: text },
        `environment: ADDRESS must be an IP address or a host name, without a port, but is ${JSON.stringify(text)}`,
      );
    });
  }

  it('have no empty address and no empty path', () => {
    for (const name of ['ADDRESS', 'PATH_NAME']) {
      expectUnusable({ [name]: ' ' }, `environment: ${name} must not be empty, but is " "`);
    }
  });

  it('have no path with a NUL', () => {
    writeFileSync(file, '[DEFAULT]\nPATH_NAME = "a\\u0000b"\n');
    expectUnusable({}, `${file}:2: PATH_NAME must not hold the character NUL, but is "a\\u0000b"`);
    expect(load({ PATH_NAME: ' a \n\u001b b ' }).PATH_NAME).to.equal('a \n\u001b b');
  });
});

describe('the settings files of the project', () => {
  for (const [name, table] of [
    ['server.ini', SERVER_SETTINGS],
    ['client.ini', CLIENT_SETTINGS],
    ['echo.ini', ECHO_SERVER_SETTINGS],
    ['echo_client.ini', ECHO_CLIENT_SETTINGS],
  ] as [string, SettingsTable][]) {
    const path = join(__dirname, '../../../../config', name);

    it(`${name} has exactly the settings of the program, each with its default and a comment above it`, () => {
      const text = readFileSync(path, 'utf8');
      const values: Record<string, string> = {};
      for (const line of readIni(text)) if (line.kind === 'setting') values[line.name] = line.value;
      const defaults = Object.entries(table).filter(([, { fallback }]) => fallback !== undefined);
      expect(values).to.deep.equal(Object.fromEntries(defaults.map(([setting, { fallback }]) => [setting, fallback])));
      const lines = text.split('\n');
      for (const [setting, { fallback }] of Object.entries(table)) {
        const at = lines.findIndex((line) =>
          line.startsWith(fallback === undefined ? `; ${setting} =` : `${setting} =`),
        );
        expect(at, `${setting} in ${name}`).to.be.greaterThan(0);
        expect(lines[at - 1], `the comment above ${setting}`).to.match(/^; \S/);
      }
    });

    it(`${name} gives the defaults`, () => {
      const sources = { defaultFile: path, environment: {} };
      expect(loadSettings(table, sources)).to.deep.equal(loadSettings(table, { ...sources, defaultFile: 'none.ini' }));
    });
  }
});
