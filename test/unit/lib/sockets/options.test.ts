import { expect } from 'chai';
import {
  ConnectSocket,
  type ConnectSocketOptions,
  ListenSocket,
  type ListenSocketOptions,
} from '../../../../lib/index';

const connect = { host: 'localhost', port: 4000 };
const listen = { host: 'localhost', port: 0 };
const stream = (): never => expect.fail('the stream was made');

/** Values of one option that both sockets refuse, with the error and the beginning of its message. */
const REFUSED_BY_BOTH: readonly (readonly [object, ErrorConstructor, string])[] = [
  [{ host: '' }, TypeError, 'host must be a text that is not empty, but is ""'],
  [{ host: null }, TypeError, 'host must be a text that is not empty, but is null'],
  [{ host: 127 }, TypeError, 'host must be a text that is not empty, but is 127'],
  [{ host: 'a\0b' }, TypeError, 'host must be a text without the character U+0000'],
  [{ port: 70_000 }, RangeError, 'port must be a whole number from'],
  [{ port: -1 }, RangeError, 'port must be a whole number from'],
  [{ port: 80.5 }, RangeError, 'port must be a whole number from'],
  [{ port: '80' }, RangeError, 'port must be a whole number from'],
  [{ port: undefined }, RangeError, 'port must be a whole number from'],
  [{ host: undefined, port: undefined, path: '' }, TypeError, 'path must be a text that is not empty'],
  [{ host: undefined, port: undefined, path: null }, TypeError, 'path must be a text that is not empty'],
  [{ path: '/run/app.sock' }, TypeError, 'one target is possible'],
  [{ noDelay: 'yes' }, TypeError, 'noDelay must be true or false, but is "yes"'],
  [{ keepAlive: 1 }, TypeError, 'keepAlive must be true or false, but is 1'],
  [{ keepAliveInitialDelayMs: -1 }, RangeError, 'keepAliveInitialDelayMs must be a whole number'],
  [
    { keepAliveInitialDelayMs: '5' },
    RangeError,
    'keepAliveInitialDelayMs must be a whole number, at least 0, but is "5"',
  ],
  [{ receiveBufferBytes: 0 }, RangeError, 'receiveBufferBytes must be a whole number'],
];

const REFUSED_BY_CONNECT: typeof REFUSED_BY_BOTH = [
  [{ host: undefined }, TypeError, 'host must be a text that is not empty, but is undefined'],
  [{ port: 0 }, RangeError, 'port must be a whole number from 1 to 65535, but is 0'],
  [{ host: undefined, port: undefined, createConnection: 'x' }, TypeError, 'createConnection must be a function'],
  [{ tls: true }, TypeError, 'tls must be an object, but is true'],
  [{ tls: null }, TypeError, 'tls must be an object, but is null'],
  [
    { host: undefined, port: undefined, createConnection: stream, tls: {} },
    TypeError,
    'tls needs host and port, or path',
  ],
  [{ createConnection: stream }, TypeError, 'one target is possible'],
];

const REFUSED_BY_LISTEN: typeof REFUSED_BY_BOTH = [
  [{ backlog: -1 }, RangeError, 'backlog must be a whole number'],
  [{ backlog: 2 ** 31 }, RangeError, 'backlog must be a whole number from 0 to 2147483647'],
  [{ maxWaiting: 1.5 }, RangeError, 'maxWaiting must be a whole number'],
  [{ handshakeTimeoutMs: 0 }, RangeError, 'handshakeTimeoutMs must be a whole number from 1 to 2147483647'],
  [{ handshakeTimeoutMs: Infinity }, RangeError, 'handshakeTimeoutMs must be a whole number'],
  [{ maxHandshaking: 0 }, RangeError, 'maxHandshaking must be a whole number, at least 1'],
  [{ onHandshakeError: 'log' }, TypeError, 'onHandshakeError must be a function'],
  [{ tls: true }, TypeError, 'tls must be an object, but is true'],
  [{ replaceStaleSocket: 1 }, TypeError, 'replaceStaleSocket must be true or false, but is 1'],
  [{ replaceStaleSocket: true }, TypeError, 'replaceStaleSocket needs path'],
  [{ createServer: {} }, TypeError, 'createServer must be a function'],
  [{ proxyProtocol: true }, TypeError, 'proxyProtocol must be an object, but is true'],
  [{ proxyProtocol: {} }, TypeError, 'proxyProtocol.trusted must be a list of addresses, or a BlockList'],
  [{ proxyProtocol: { trusted: ['::1/129'] } }, TypeError, 'proxyProtocol.trusted: "::1/129" is neither an IP address'],
  [
    { proxyProtocol: { trusted: [], timeoutMs: 0 } },
    RangeError,
    'proxyProtocol.timeoutMs must be a whole number from 1',
  ],
  [{ proxyProtocol: { trusted: [], maxWaiting: 0 } }, RangeError, 'proxyProtocol.maxWaiting must be a whole number'],
  [
    { proxyProtocol: { trusted: [], untrusted: 'no' } },
    TypeError,
    'proxyProtocol.untrusted must be "direct" or "refused"',
  ],
  [{ proxyProtocol: { trusted: [], onRefused: 1 } }, TypeError, 'proxyProtocol.onRefused must be a function'],
];

describe('options that cannot be used', () => {
  for (const [wrong, kind, message] of [...REFUSED_BY_BOTH, ...REFUSED_BY_CONNECT]) {
    it(`the constructor of ConnectSocket refuses ${describeOptions(wrong)}`, () => {
      const options = { ...connect, ...wrong } as unknown as ConnectSocketOptions;
      expect(() => new ConnectSocket(options)).to.throw(kind, message);
    });
  }

  for (const [wrong, kind, message] of [...REFUSED_BY_BOTH, ...REFUSED_BY_LISTEN]) {
    it(`the constructor of ListenSocket refuses ${describeOptions(wrong)}`, () => {
      const options = { ...listen, ...wrong } as unknown as ListenSocketOptions;
      expect(() => new ListenSocket(options)).to.throw(kind, message);
    });
  }

  it('no options at all are refused too', () => {
    const nothing = undefined as unknown as ConnectSocketOptions & ListenSocketOptions;
    expect(() => new ConnectSocket(nothing)).to.throw(TypeError, 'options must be an object');
    expect(() => new ListenSocket(nothing)).to.throw(TypeError, 'options must be an object');
    expect(() => new ConnectSocket({} as ConnectSocketOptions)).to.throw(TypeError, 'a target is needed');
    expect(() => new ListenSocket({} as ListenSocketOptions)).to.throw(RangeError, 'port');
  });

  it('an option that is undefined counts as absent', async () => {
    const absent = {
      noDelay: undefined,
      keepAlive: undefined,
      keepAliveInitialDelayMs: undefined,
      receiveBufferBytes: undefined,
    };
    await using listener = new ListenSocket({
      ...listen,
      path: undefined,
      backlog: undefined,
      maxWaiting: undefined,
      tls: undefined,
      createServer: undefined,
      ...absent,
    });
    await listener.bindAndListen();
    const { port } = listener.address as { port: number };
    const target = { host: 'localhost', port, path: undefined, createConnection: undefined };
    await using socket = new ConnectSocket({ ...target, ...absent });
    await socket.connect();
    await using peer = await listener.accept();
    expect(peer.remoteAddress).to.deep.equal(socket.localAddress);
  });
});

function describeOptions(options: object): string {
  return JSON.stringify(options, (_name, value: unknown) => (value === undefined ? 'undefined' : value));
}
