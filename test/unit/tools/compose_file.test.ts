import { expect } from 'chai';
import { parse } from 'yaml';
import {
  composeFile,
  ComposeFileError,
  MAX_CLIENTS,
  mountedFiles,
  parseClientCount,
} from '../../../tools/compose_file';
import { type Compose, TEMPLATE } from '../../support/compose_template';

const composed = (clients: number, template = TEMPLATE) => parse(composeFile(template, clients)) as Compose;

describe('a compose file made from its template', () => {
  it('has the given number of clients, in order, in the place of the pattern', () => {
    expect(Object.keys(composed(3).services)).to.deep.equal(['server', 'client1', 'client2', 'client3']);
  });

  it('has clients that differ in their id alone', () => {
    const { client1, client2 } = composed(2).services;
    const renumbered = JSON.stringify(client1).replace(/client1|CLI_ID=1|agency-1/g, (text) => text.replace('1', '2'));
    expect(JSON.parse(renumbered)).to.deep.equal(client2);
    expect(client2).to.deep.equal({
      container_name: 'client2',
      environment: ['CLI_ID=2'],
      volumes: ['./.data/agency-2.csv:/app/.data/agency-2.csv:ro'],
    });
  });

  it('has a server that expects as many agencies as there are clients', () => {
    expect(composed(7).services.server!.environment).to.deep.equal({ SERVER_AGENCIES: '7' });
  });

  it('leaves the number of agencies to the ini file when there are no clients', () => {
    expect(composed(0).services).to.deep.equal({ server: { image: 'server:latest' } });
    const list = TEMPLATE.replace("SERVER_AGENCIES: '{agencies}'", '- SERVER_AGENCIES={agencies}\n      - TZ=UTC');
    expect(composed(0, list).services.server!.environment).to.deep.equal(['TZ=UTC']);
  });

  it("keeps the template's comments and order, and has those of the pattern once", () => {
    const text = composeFile(TEMPLATE, 2);
    const first = text.slice(0, text.indexOf('  client2:'));
    expect(first).to.equal(
      TEMPLATE.slice(0, TEMPLATE.indexOf('networks:'))
        .replace('{agencies}', '2')
        .replace('client:', 'client1:')
        .replaceAll('{id}', '1'),
    );
    expect(text.slice(first.length)).not.to.include('#');
    expect(text).to.match(/networks:\n {2}testing_net:\n$/);
  });

  it('can be made for the most clients that the network has room for', () => {
    const { services } = composed(MAX_CLIENTS);
    expect(Object.keys(services)).to.have.length(MAX_CLIENTS + 1);
    expect(services.server!.environment).to.deep.equal({ SERVER_AGENCIES: String(MAX_CLIENTS) });
  });

  const unusable: [what: string, template: string, message: RegExp][] = [
    ['is not YAML', 'a: [', /^the template is not YAML: /],
    ['is two documents', 'a: 1\n---\nb: 2\n', /^the template is not YAML: /],
    ['is empty', '', /^the template has no "services"$/],
    ['is a list', '- services\n', /^the template has no "services"$/],
    ['has no server', 'services:\n  client:\n    a: b\n', /^the template has no "server"$/],
    ['has no client', "services:\n  server:\n    a: '{agencies}'\n", /^the template has no "client"$/],
    [
      'has a client that is no map',
      TEMPLATE.replace(/ {2}client:[^]*/, '  client: 1\n'),
      /^the template has no "client"$/,
    ],
    ['has no place for the id', TEMPLATE.replaceAll('{id}', '1'), /"client" has no placeholder \{id\}$/],
    ['has no place for the agencies', TEMPLATE.replace('{agencies}', '5'), /"server" has no placeholder \{agencies\}$/],
    [
      'has a client1 of its own',
      TEMPLATE.replace('services:', 'services:\n  client1:\n    image: x'),
      /"client1" of its own$/,
    ],
  ];
  for (const [what, template, message] of unusable) {
    it(`is refused when the template ${what}`, () => {
      expect(() => composeFile(template, 2)).to.throw(ComposeFileError, message);
      expect(() => composeFile(template, 2)).not.to.throw(/\n/);
    });
  }
});

describe('the files that a compose file mounts', () => {
  it('are its bind mounts, in the long and in the short syntax, without volumes of a name', () => {
    const volumes = [
      '{type: bind, source: ./a.ini, target: /a, bind: {create_host_path: false}}',
      '{type: volume, source: data, target: /data}',
      '{type: tmpfs, target: /tmp}',
      './b.csv:/b:ro',
      '/c/d:/d',
      '../e:/e',
      'data:/data',
      '/anonymous',
    ];
    const services = `services:\n  x:\n    volumes:\n${volumes.map((text) => `      - ${text}\n`).join('')}  y:\n    image: z\n  empty:\n`;
    expect(mountedFiles(services)).to.deep.equal(['./a.ini', './b.csv', '/c/d', '../e']);
  });
});

describe('the number of clients on the command line', () => {
  for (const [text, count] of Object.entries({ '0': 0, '1': 1, '10': 10, [String(MAX_CLIENTS)]: MAX_CLIENTS })) {
    it(`may be ${text}`, () => expect(parseClientCount(text)).to.equal(count));
  }

  const unusable = [
    '',
    ' ',
    '-1',
    '2.5',
    '3.0',
    '1e1',
    '0x5',
    '+5',
    '05',
    '5 ',
    'five',
    'NaN',
    String(MAX_CLIENTS + 1),
    '9'.repeat(400),
  ];
  for (const text of unusable) {
    it(`may not be "${text.slice(0, 20)}"`, () => {
      expect(() => parseClientCount(text)).to.throw(ComposeFileError, /must be a whole number from 0 to 250/);
    });
  }
});
