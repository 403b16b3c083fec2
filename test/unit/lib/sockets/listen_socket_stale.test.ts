import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs, {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { expect } from 'chai';
import sinon from 'sinon';
import { ListenSocket, type ListenSocketOptions } from '../../../../lib/index';
import { describeListenSocket } from '../../../support/listen_sockets';
import { expectCode } from '../../../support/rejection';
import { temporarySocketPath } from '../../../support/transports';

describeListenSocket(({ opened, clients, accept }) => {
  describe('the file of a Unix socket that a killed process has left', () => {
    let path: string;

    beforeEach(() => {
      path = temporarySocketPath();
    });
    afterEach(() => rmSync(path, { recursive: true, force: true }));

    function make(options: Partial<ListenSocketOptions> = { replaceStaleSocket: true }): ListenSocket {
      const listener = new ListenSocket({ path, ...options } as ListenSocketOptions);
      opened.push(listener);
      return listener;
    }

    /** Leaves the file of a socket whose server has closed. Node removes one name of the file, and leaves the other. */
    async function leaveStaleSocket(): Promise<void> {
      const server = await listenPlainly(`${path}-1`);
      linkSync(`${path}-1`, path);
      server.close();
      await once(server, 'close');
      utimesSync(path, 0, 0);
    }

    async function listenPlainly(at: string): Promise<Server> {
      const server = createServer().listen(at);
      await once(server, 'listening');
      return server;
    }

    /** Requires that a client reaches the listener. */
    async function reach(listener: ListenSocket): Promise<void> {
      const client = connect(path);
      clients.push(client);
      client.end('hello');
      expect(String(await (await accept(listener)).recvExactly(5))).to.equal('hello');
    }

    it('is an address in use by default, and is replaced by option', async () => {
      const program = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => console.log('listening'))`;
      const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
      await once(child.stdout, 'data');
      child.kill('SIGKILL');
      await once(child, 'exit');

      const error = await expectCode(make({}).bindAndListen(), 'LISTEN_FAILED');
      expect(error.cause).to.have.property('code', 'EADDRINUSE');
      const listener = make();
      await listener.bindAndListen();
      expect(listener.address).to.deep.equal({ path });
      await reach(listener);
      await listener.close();
      expect(lstatSync(path, { throwIfNoEntry: false })).to.equal(undefined);
    });

    it('is not needed by the option: a path that is free is bound as ever', async () => {
      const listener = make();
      await listener.bindAndListen();
      await reach(listener);
    });

    it('stays if a process listens on it', async () => {
      const live = make({});
      await live.bindAndListen();
      const error = await expectCode(make().bindAndListen(), 'LISTEN_FAILED');
      expect(error.cause).to.have.property('code', 'EADDRINUSE');
      // The question whether somebody listens is a connection, which ends at once.
      expect(await (await accept(live)).recvExactly(1)).to.equal(null);
      await reach(live);
    });

    it('stays if it is no socket', async () => {
      await leaveStaleSocket();
      const socket = `${path}-2`;
      linkSync(path, socket);
      for (const [occupy, holds] of [
        [() => writeFileSync(path, 'data'), () => readFileSync(path, 'utf8') === 'data'],
        [() => mkdirSync(path), () => lstatSync(path).isDirectory()],
        [() => symlinkSync(socket, path), () => lstatSync(path).isSymbolicLink() && lstatSync(socket).isSocket()],
      ] as const) {
        rmSync(path, { recursive: true });
        occupy();
        const error = await expectCode(make().bindAndListen(), 'LISTEN_FAILED');
        expect(error.cause).to.have.property('code', 'EADDRINUSE');
        expect(holds()).to.equal(true);
      }
      rmSync(socket);
    });

    it('is replaced once where several listeners start at once', async () => {
      await leaveStaleSocket();
      const listeners = Array.from({ length: 5 }, () => make());
      const outcomes = await Promise.allSettled(listeners.map((listener) => listener.bindAndListen()));
      const winners = listeners.filter((_listener, index) => outcomes[index]!.status === 'fulfilled');
      expect(winners).to.have.length(1);
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected') expect(outcome.reason).to.have.property('code', 'LISTEN_FAILED');
      }
      await reach(winners[0]!);
    });

    it('goes back to its place if it is that of another process after all', async () => {
      await leaveStaleSocket();
      const other = await listenPlainly(`${path}-other`);
      const rename = fs.renameSync;
      // In the last moment, the other process replaces the file by its own.
      const renamed = sinon.stub(fs, 'renameSync').callsFake((from, to) => {
        rename(`${path}-other`, from);
        rename(from, to);
      });
      await expectCode(make().bindAndListen(), 'LISTEN_FAILED');
      expect(renamed.callCount).to.equal(1);
      expect(existsSync(String(renamed.firstCall.args[1]))).to.equal(false);
      const client = connect(path);
      clients.push(client);
      await once(client, 'connect');
      other.close();
    });

    it('is not replaced, and nothing listens, after a close or an abort', async () => {
      await leaveStaleSocket();
      const inode = lstatSync(path).ino;
      const closed = make();
      const closing = expectCode(closed.bindAndListen(), 'SOCKET_CLOSED');
      await closed.close();
      await closing;
      const controller = new AbortController();
      const aborting = expectCode(make().bindAndListen(controller), 'ABORTED');
      controller.abort();
      await aborting;
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
      expect(lstatSync(path).ino).to.equal(inode);
      const refused = connect(path);
      expect(((await once(refused, 'error')) as [NodeJS.ErrnoException])[0].code).to.equal('ECONNREFUSED');
    });

    it('is replaced under a server of the caller too', async () => {
      await leaveStaleSocket();
      const listener = make({ replaceStaleSocket: true, createServer: () => createServer() });
      await listener.bindAndListen();
      await reach(listener);
    });
  });
});
