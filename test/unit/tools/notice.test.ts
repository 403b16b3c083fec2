import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';

const TOOLS = join(__dirname, '../../../tools');

/* eslint-disable @typescript-eslint/no-require-imports */
const { packagesOf } = require(join(TOOLS, 'bundled_packages')) as {
  packagesOf: (outputs: object) => Record<string, string[]>;
};
const { LicenceError, makeNotice } = require(join(TOOLS, 'notice')) as {
  LicenceError: ErrorConstructor;
  makeNotice: (project: string, directories: readonly string[]) => string;
};
/* eslint-enable @typescript-eslint/no-require-imports */

const MIT = 'Permission is hereby granted, free of charge, to any person.';

describe('the NOTICE of a build', () => {
  let root: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'notice-'));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  /** Makes a package, and returns its directory. */
  function add(name: string, manifest: object, files: Readonly<Record<string, string>>): string {
    const directory = join(root, name.replace('/', '-'));
    mkdirSync(directory);
    writeFileSync(join(directory, 'package.json'), JSON.stringify({ name, version: '1.2.3', ...manifest }));
    for (const [file, text] of Object.entries(files)) writeFileSync(join(directory, file), text);
    return directory;
  }

  const refusal = (...directories: string[]): string => {
    try {
      makeNotice('own', directories);
    } catch (error) {
      expect(error).to.be.instanceOf(LicenceError).with.property('code', 'LICENCE');
      return (error as Error).message;
    }
    throw new Error('it was made');
  };

  it('has name, version, licence and all licence texts of each package, in order of their names', () => {
    const second = add('b', { license: 'Apache-2.0' }, { 'LICENSE.md': 'terms\r\nof b  \n', NOTICE: 'notice of b\n' });
    const first = add('@scope/a', { license: 'MIT' }, { licence: `${MIT}\n`, 'index.js': 'code' });
    const rule = '-'.repeat(80);
    expect(makeNotice('own 1.0.0\nLicence: MIT', [second, first])).to.equal(
      [
        'own 1.0.0\nLicence: MIT\n',
        'The programs contain the following packages (2), each under its own licence.\n',
        `${rule}\n@scope/a 1.2.3\nLicence: MIT\n\n${MIT}\n`,
        `${rule}\nb 1.2.3\nLicence: Apache-2.0\n\nterms\nof b\n\nnotice of b\n`,
      ].join('\n'),
    );
  });

  it('has a package once that lies in two places, and both of its versions', () => {
    const [one, same] = ['one', 'same'].map((name) => add(name, { name: 'x', license: 'ISC' }, { LICENSE: MIT }));
    const other = add('other', { name: 'x', version: '2.0.0', license: 'ISC' }, { LICENSE: MIT });
    expect(makeNotice('own', [one!, same!, other]).match(/^x .+$/gm)).to.deep.equal(['x 1.2.3', 'x 2.0.0']);
  });

  it('takes the licence section of a README if there is no file', () => {
    const readme = `# x\n\nLicense MIT of another.\n\n## License\n\nThe MIT License\n\n${MIT}\n\n## Thanks\n\nto all\n`;
    const notice = makeNotice('own', [add('x', { license: 'MIT' }, { 'README.md': readme })]);
    expect(notice).to.match(new RegExp(`Licence: MIT\n\nThe MIT License\n\n${MIT}\n$`));
  });

  it('is not made with an unknown, a missing or an unwanted licence, and names each package', () => {
    const text = { LICENSE: MIT };
    const none = add('none', {}, text);
    const old = add('old', { license: { type: 'MIT' } }, text);
    const unknown = add('unknown', { license: 'SEE LICENSE IN LICENSE' }, text);
    const unwanted = add('unwanted', { license: 'GPL-3.0-only' }, text);
    expect(refusal(none, unwanted)).to.equal(
      'the NOTICE cannot be made: none 1.2.3 names no licence; the licence of unwanted 1.2.3, GPL-3.0-only, is not one of ' +
        '0BSD, Apache-2.0, BlueOak-1.0.0, BSD-2-Clause, BSD-3-Clause, ISC, MIT',
    );
    expect(refusal(old)).to.match(/: old 1\.2\.3 names no licence$/);
    expect(refusal(unknown)).to.match(/the licence of unknown 1\.2\.3, SEE LICENSE IN LICENSE, is not one of/);
  });

  it('is not made without a licence text: no file, an empty one, a README that only names it', () => {
    const readme = '# x\n\n## License\n\nMIT\n';
    for (const files of [[], [['LICENSE', ' \n']], [['README.md', readme]]] as [string, string][][]) {
      const directory = add('x', { license: 'MIT' }, Object.fromEntries(files));
      expect(refusal(directory)).to.equal('the NOTICE cannot be made: x 1.2.3 has no licence text');
      rmSync(directory, { recursive: true });
    }
  });
});

describe('the packages of a bundle', () => {
  it('are the directories below the last node_modules of each input', () => {
    const inputs = [
      ...['apps/server/main.ts', 'node_modules/pg/lib/index.js', 'node_modules/pg/lib/client.js'],
      ...['node_modules/@hono/node-server/dist/index.js', 'node_modules/a/node_modules/b/index.js'],
      '../elsewhere/node_modules/c/index.js',
    ];
    const outputs = {
      'dist/main.js': { inputs: Object.fromEntries(inputs.map((input) => [input, { bytesInOutput: 1 }])) },
      'dist/main.js.map': { inputs: {} },
      'dist/echo.js': { inputs: { 'apps/echo/server.ts': { bytesInOutput: 1 } } },
    };
    expect(packagesOf(outputs)).to.deep.equal({
      'dist/main.js': [
        ...['../elsewhere/node_modules/c', 'node_modules/@hono/node-server', 'node_modules/a/node_modules/b'],
        'node_modules/pg',
      ],
      'dist/echo.js': [],
    });
  });
});
