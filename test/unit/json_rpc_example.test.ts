import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect } from 'chai';
import { clientCodec, clientProtocol, type RpcError } from '../../examples/json_rpc_protocol';
import { ConnectSocket, FramedSocket, RequestChannel } from '../../lib/index';
import { certificateFile, identity, pem } from '../support/certificates';
import { type CommandResult, outputOf, runCommand } from '../support/command';
import { bundledProgram } from '../support/bundled_program';
import { ExampleServer } from '../support/example_server';
import { expectCode, rejection } from '../support/rejection';

const ROOT = join(__dirname, '../..');
const hasPython = spawnSync('python3', ['-c', 'import ssl']).status === 0;
const WRITER = 'urn:lottery:agency:7';

describe('the JSON-RPC server of the examples', function () {
  this.timeout(30_000);
  let server: ExampleServer;

  before(async () => {
    const files = ['server', 'key', 'ca'].map(certificateFile);
    server = await ExampleServer.start('json_rpc_server.ts', ...files, WRITER);
  });
  after(async () => {
    // Each line of its output was taken by the case that caused it.
    expect(await server.stop()).to.deep.equal({ code: 0, lines: [] });
  });

  async function connected(name = 'client'): Promise<ConnectSocket> {
    const tls = { ...identity(name), ca: pem('ca') };
    const socket = new ConnectSocket({ host: '127.0.0.1', port: server.port, tls });
    await socket.connect({ timeoutMs: 5000 });
    return socket;
  }

  describe(`with a client in Python${hasPython ? '' : ' (skipped: no python3)'}`, () => {
    before(function () {
      if (!hasPython) this.skip();
    });

    /** @param name the certificate of the client; none if it is undefined. */
    function runPython(name: string | undefined, messages: readonly (string | Buffer)[]): Promise<CommandResult> {
      const own = name === undefined ? [] : [certificateFile(name), certificateFile('key')];
      const input = Buffer.concat(messages.flatMap((message) => [Buffer.from(message as string), Buffer.from('\n')]));
      const args = [join(ROOT, 'test/support/json_rpc_client.py'), String(server.port), certificateFile('ca'), ...own];
      return runCommand('python3', args, { input, timeoutMs: 25_000 });
    }

    async function responsesTo(name: string, messages: readonly (string | Buffer)[]): Promise<unknown[]> {
      const { code, stdout, stderr } = await runPython(name, messages);
      expect(code, stderr).to.equal(0);
      const lines = stdout.trimEnd().split('\n');
      return lines.map((line) => JSON.parse(line) as unknown);
    }

    const failure = (id: unknown, code: number, message: string): unknown => ({
      jsonrpc: '2.0',
      id,
      error: { code, message },
    });
    const result = (id: unknown, value: unknown): unknown => ({ jsonrpc: '2.0', id, result: value });

    it('answers calls and every mistake, and no notification', async () => {
      const dialog: [string | Buffer, unknown][] = [
        ['{"jsonrpc":"2.0","id":1,"method":"set","params":{"key":"ñ","value":[1,"dos",null]}}', result(1, null)],
        ['{"jsonrpc":"2.0","id":"two","method":"get","params":{"key":"ñ"}}', result('two', [1, 'dos', null])],
        ['{"jsonrpc":"2.0","id":null,"method":"get","params":{"key":"none"}}', result(null, null)],
        ['{"jsonrpc":"2.0","method":"set","params":{"key":"ñ","value":"by a notification"}}', undefined],
        ['{"jsonrpc":"2.0","method":"nope"}', undefined],
        ['{"jsonrpc":"2.0","method":"set","params":{}}', undefined],
        ['{"jsonrpc":"2.0","id":3,"method":"get","params":{"key":"ñ"}}', result(3, 'by a notification')],
        ['{"jsonrpc":"2.0","id":4', failure(null, -32700, 'the text is not JSON')],
        ['', failure(null, -32700, 'the text is not JSON')],
        [Buffer.from([0x22, 0xff, 0x22]), failure(null, -32700, 'the bytes are not UTF-8')],
        [
          '[{"jsonrpc":"2.0","id":5,"method":"get","params":{"key":"ñ"}}]',
          failure(null, -32600, 'a batch is not supported'),
        ],
        ['[]', failure(null, -32600, 'a batch is not supported')],
        ['null', failure(null, -32600, 'a request is an object')],
        ['{"id":6,"method":"get"}', failure(null, -32600, 'jsonrpc must be "2.0"')],
        ['{"jsonrpc":"2.0","id":7,"method":8}', failure(null, -32600, 'method must be a string')],
        ['{"jsonrpc":"2.0","id":{},"method":"get"}', failure(null, -32600, 'id must be a string, a number or null')],
        [
          '{"jsonrpc":"2.0","id":8,"method":"get","params":"ñ"}',
          failure(null, -32600, 'params must be an array or an object'),
        ],
        ['{"jsonrpc":"2.0","id":9,"method":"constructor"}', failure(9, -32601, 'no such method')],
        ['{"jsonrpc":"2.0","id":10,"method":"get"}', failure(10, -32602, 'key must be a string')],
        ['{"jsonrpc":"2.0","id":11,"method":"get","params":["ñ"]}', failure(11, -32602, 'key must be a string')],
        ['{"jsonrpc":"2.0","id":12,"method":"set","params":{"key":"ñ"}}', failure(12, -32602, 'value is missing')],
        ['{"jsonrpc":"2.0","id":"last","method":"get","params":{"key":"ñ"}}', result('last', 'by a notification')],
      ];
      const responses = await responsesTo(
        'client',
        dialog.map(([message]) => message),
      );
      const expected = dialog.flatMap(([, response]) => response ?? []);
      expect(responses).to.deep.equal(expected);
    });

    it('permits no writing to another client of the same authority', async () => {
      await responsesTo('client', ['{"jsonrpc":"2.0","id":"last","method":"set","params":{"key":"k","value":"safe"}}']);
      const responses = await responsesTo('client_hostile', [
        '{"jsonrpc":"2.0","method":"set","params":{"key":"k","value":"by a notification"}}',
        '{"jsonrpc":"2.0","id":1,"method":"set","params":{"key":"k","value":"by a call"}}',
        '{"jsonrpc":"2.0","id":"last","method":"get","params":{"key":"k"}}',
      ]);
      expect(responses).to.deep.equal([
        failure(1, -32000, 'the certificate does not permit this method'),
        result('last', 'safe'),
      ]);
    });

    for (const [title, name, problem] of [
      ['without a certificate', undefined, 'the client has no certificate'],
      ['of another authority', 'client_other_ca', 'the certificate of the client is of an unknown authority'],
      ['with a forged certificate', 'client_forged', 'the certificate of the client is of an unknown authority'],
    ] as const) {
      it(`refuses a client ${title}, in one line`, async () => {
        const call = '{"jsonrpc":"2.0","id":"last","method":"get","params":{"key":"k"}}';
        const { code, stdout } = await runPython(name, [call]);
        expect([code, stdout]).to.deep.equal([1, '']);
        const [, words] = /^accept on \S+: the TLS handshake with 127\.0\.0\.1:\d+ failed: (.*) \([A-Z_]+\)$/.exec(
          await server.nextLine(),
        )!;
        expect(words).to.equal(problem);
      });
    }
  });

  it('serves the client of the examples', async () => {
    const files = ['client', 'key', 'ca'].map(certificateFile);
    const client = bundledProgram(join(ROOT, 'examples/json_rpc_client.ts'));
    const args = [client, String(server.port), ...files];
    expect(await outputOf(process.execPath, args)).to.equal("[ 'red', 'green' ]\nblue\n");
  });

  it('fails a call with the code of its error, and goes on', async () => {
    const framed = new FramedSocket(await connected(), clientCodec);
    await using channel = new RequestChannel(framed, clientProtocol);
    const error = await rejection(channel.call({ method: 'nope' }, { timeoutMs: 5000 }));
    expect([error.message, (error as RpcError).code]).to.deep.equal(['no such method', -32601]);
    expect(await channel.call({ method: 'get', params: { key: 'none' } }, { timeoutMs: 5000 })).to.equal(null);
  });

  it('ends a client whose message is over the limit, in one line', async () => {
    await using socket = await connected();
    await socket.sendAll(Buffer.from([0, 1, 0, 0]));
    expect(await socket.recvSome(1, { timeoutMs: 5000 })).to.equal(null);
    expect(await server.nextLine()).to.match(/^127\.0\.0\.1:\d+: a frame of 65540 bytes: at most 65536 are allowed$/);
  });

  it('refuses TLS 1.2, in one line', async () => {
    const tls = { ...identity('client'), ca: pem('ca'), maxVersion: 'TLSv1.2' } as const;
    const socket = new ConnectSocket({ host: '127.0.0.1', port: server.port, tls });
    await expectCode(socket.connect({ timeoutMs: 5000 }), 'HANDSHAKE_FAILED');
    expect(await server.nextLine()).to.match(
      /: the TLS handshake with 127\.0\.0\.1:\d+ failed: the client and this side have no protocol version in common \(\S+\)$/,
    );
  });
});
