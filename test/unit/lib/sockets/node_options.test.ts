import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { connect, createServer, Socket } from 'node:net';
import { resolve } from 'node:path';
import { expect } from 'chai';
import sinon from 'sinon';
import { ConnectSocket, ListenSocket, type ListenSocketOptions } from '../../../../lib/index';
import { describeListenSocket, portOf } from '../../../support/listen_sockets';
import { expectCode } from '../../../support/rejection';
import { temporarySocketPath } from '../../../support/transports';

const ROOT = resolve(__dirname, '../../../..');
const [MAJOR = 0, MINOR = 0] = process.versions.node.split('.').map(Number);
const HAS_REUSE_PORT = MAJOR >= 24 || (MAJOR === 22 && MINOR >= 12) || (MAJOR === 23 && MINOR >= 1);
const HAS_PROBES = Socket.prototype.setKeepAlive.length >= 4;

/** Runs a program on the library in a process of its own; `ConnectSocket` and `ListenSocket` are there. */
function runProgram(body: string, stdio: (number | 'pipe' | 'inherit')[] = []): ChildProcess {
  const program = `const { ConnectSocket, ListenSocket } = require('./lib/index.ts'); void (async () => { ${body} })();`;
  return spawn(process.execPath, ['-r', 'tsx/cjs', '-e', program], {
    cwd: ROOT,
    stdio: ['pipe', 'pipe', 'inherit', ...stdio],
  });
}

describeListenSocket(({ opened, clients, peers, listen, accept }) => {
  describe('the options of Node', () => {
    it('reusePort shares an address among listeners, or names the version of Node that it needs', async () => {
      const options = { host: '127.0.0.1', port: 0, reusePort: true };
      if (!HAS_REUSE_PORT) {
        expect(() => new ListenSocket(options)).to.throw(
          TypeError,
          `needs Node 22.12 or 23.1 at least; this is v${MAJOR}`,
        );
        return;
      }
      const first = await listen(options);
      const second = await listen({ ...options, port: portOf(first.address) });
      expect(second.address).to.deep.equal(first.address);
      const third = new ListenSocket({ host: '127.0.0.1', port: portOf(first.address) });
      opened.push(third);
      expect(await expectCode(third.bindAndListen(), 'LISTEN_FAILED')).to.have.nested.property(
        'cause.code',
        'EADDRINUSE',
      );
    });

    it('ipv6Only accepts no IPv4', async () => {
      const listener = await listen({ host: '::', ipv6Only: true });
      const refused = connect({ host: '127.0.0.1', port: portOf(listener.address) });
      const [error] = (await once(refused, 'error')) as [NodeJS.ErrnoException];
      expect(error.code).to.equal('ECONNREFUSED');
      const client = connect({ host: '::1', port: portOf(listener.address) });
      clients.push(client);
      expect((await accept(listener)).remoteAddress).to.have.property('host', '::1');
    });

    it('mode sets the permissions of a Unix socket', async () => {
      for (const mode of [0o600, 0o666, 0o770]) {
        const path = temporarySocketPath();
        await listen({ host: undefined, port: undefined, path, mode });
        expect((statSync(path).mode & 0o777).toString(8)).to.equal(mode.toString(8));
      }
    });

    it('fd takes a listening socket that the process has inherited', async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as { port: number };
      const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
      const child = runProgram(
        `const listener = new ListenSocket({ fd: 3 });
         await listener.bindAndListen();
         const peer = await listener.accept();
         await peer.sendAll(Buffer.from(JSON.stringify(listener.address)));
         await peer.close();
         await listener.close();`,
        [fd],
      );
      const exited = once(child, 'exit');
      server.close();
      const client = connect(port, '127.0.0.1');
      clients.push(client);
      const [bytes] = (await once(client, 'data')) as [Buffer];
      expect(JSON.parse(String(bytes))).to.deep.equal({ host: '127.0.0.1', port });
      expect(await exited).to.deep.equal([0, null]);
    });

    it('fd that is no socket fails', async () => {
      const listener = new ListenSocket({ fd: 2_000_000 });
      opened.push(listener);
      const error = await expectCode(listener.bindAndListen(), 'LISTEN_FAILED');
      expect(error.message).to.match(/^listen: .*(EINVAL|EBADF)/);
    });

    it('localAddress and localPort choose the address of the client', async () => {
      const listener = await listen();
      const free = await listen({ host: '127.0.0.9' });
      const localPort = portOf(free.address);
      await free.close();
      const target = { host: '127.0.0.1', port: portOf(listener.address) };
      await using socket = new ConnectSocket({ ...target, localAddress: '127.0.0.9', localPort });
      await socket.connect();
      expect((await accept(listener)).remoteAddress).to.deep.equal({ host: '127.0.0.9', port: localPort });
    });

    it('lookup takes the place of the name server, and family chooses the version of IP', async () => {
      const listener = await listen();
      const asked: unknown[] = [];
      await using socket = new ConnectSocket({
        host: 'a.name.invalid',
        port: portOf(listener.address),
        family: 4,
        lookup: (host, { family, all }, done) => {
          asked.push([host, family]);
          if (all === true) done(null, [{ address: '127.0.0.1', family: 4 }]);
          else done(null, '127.0.0.1', 4);
        },
      });
      await socket.connect();
      peers.push(await listener.accept());
      expect(asked).to.deep.equal([['a.name.invalid', 4]]);
    });

    it('keepAliveIntervalMs and keepAliveCount are set on both sides, or name the version of Node that they need', async () => {
      const probes = { keepAliveInitialDelayMs: 5000, keepAliveIntervalMs: 2000, keepAliveCount: 3 };
      if (!HAS_PROBES) {
        const problem = 'keepAliveIntervalMs and keepAliveCount need a newer Node';
        expect(() => new ListenSocket({ port: 0, ...probes })).to.throw(TypeError, problem);
        expect(() => new ConnectSocket({ host: 'localhost', port: 1, keepAliveCount: 3 })).to.throw(TypeError, problem);
        return;
      }
      const set = sinon.spy(Socket.prototype, 'setKeepAlive');
      const listener = await listen(probes);
      await using socket = new ConnectSocket({ host: '127.0.0.1', port: portOf(listener.address), ...probes });
      await socket.connect();
      await accept(listener);
      expect(set.args).to.deep.equal([
        [true, 5000, 2000, 3],
        [true, 5000, 2000, 3],
      ]);
    });

    it('unref lets the process end, for a listener and for a connection', async () => {
      const child = runProgram(`
        const listener = new ListenSocket({ host: '127.0.0.1', port: 0 });
        listener.unref();
        await listener.bindAndListen();
        const socket = new ConnectSocket(listener.address);
        socket.unref();
        const [peer] = await Promise.all([listener.accept({ timeoutMs: 5000 }), socket.connect({ timeoutMs: 5000 })]);
        peer.unref();
        console.log('connected');`);
      const [line] = (await once(child.stdout!, 'data')) as [Buffer];
      expect(String(line)).to.equal('connected\n');
      expect(await once(child, 'exit')).to.deep.equal([0, null]);
    });

    it('ref takes unref back', async () => {
      const child = runProgram(`
        const listener = new ListenSocket({ host: '127.0.0.1', port: 0 });
        listener.unref();
        listener.ref();
        await listener.bindAndListen();
        setTimeout(() => void listener.close().then(() => console.log('closed')), 100).unref();`);
      const [line] = (await once(child.stdout!, 'data')) as [Buffer];
      expect(String(line)).to.equal('closed\n');
      expect(await once(child, 'exit')).to.deep.equal([0, null]);
    });

    const REFUSED: readonly (readonly [object, ErrorConstructor, string])[] = [
      [{ port: 0, ipv6Only: 1 }, TypeError, 'ipv6Only must be true or false'],
      [{ port: 0, reusePort: 'yes' }, TypeError, 'reusePort must be true or false'],
      [{ port: 0, mode: 0o600 }, TypeError, 'mode needs path'],
      [{ path: '/run/app.sock', mode: 0o1777 }, RangeError, 'mode must be a whole number from 0 to 511'],
      [{ path: '/run/app.sock', ipv6Only: true }, TypeError, 'ipv6Only needs port'],
      [{ fd: 3, reusePort: false }, TypeError, 'reusePort needs port'],
      [{ fd: -1 }, RangeError, 'fd must be a whole number'],
      [{ fd: 3, port: 0 }, TypeError, 'one target is possible'],
      [{ fd: 3, path: '/run/app.sock' }, TypeError, 'one target is possible'],
      [{ port: 0, keepAliveIntervalMs: 999 }, RangeError, 'keepAliveIntervalMs must be a whole number, at least 1000'],
      [{ port: 0, keepAliveCount: 0 }, RangeError, 'keepAliveCount must be a whole number, at least 1'],
    ];
    for (const [options, kind, message] of REFUSED) {
      it(`refuses ${JSON.stringify(options)} of a listener`, () => {
        expect(() => new ListenSocket(options as ListenSocketOptions)).to.throw(kind, message);
      });
    }

    const REFUSED_BY_CONNECT: typeof REFUSED = [
      [{ localAddress: 'localhost' }, TypeError, 'localAddress must be an IP address'],
      [{ localPort: 70_000 }, RangeError, 'localPort must be a whole number from 0 to 65535'],
      [{ family: 5 }, RangeError, 'family must be 4 or 6, but is 5'],
      [{ lookup: 'dns' }, TypeError, 'lookup must be a function'],
      [{ host: undefined, port: undefined, path: '/run/app.sock', family: 4 }, TypeError, 'family needs host and port'],
    ];
    for (const [wrong, kind, message] of REFUSED_BY_CONNECT) {
      it(`refuses ${JSON.stringify(wrong)} of a client`, () => {
        const options = { host: 'localhost', port: 4000, ...wrong } as ConstructorParameters<typeof ConnectSocket>[0];
        expect(() => new ConnectSocket(options)).to.throw(kind, message);
      });
    }
  });
});
