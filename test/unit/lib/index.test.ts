import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { buildSync } from 'esbuild';

/** Prints the names of Node's modules for TLS that were loaded: before the use of a listener and a client, and after. */
const TLS_PROGRAM = `
  import { ConnectSocket, ListenSocket } from './lib/index';
  const loaded = () => process.moduleLoadList.filter((name) => /tls/.test(name));
  const report = [loaded()];
  const listener = new ListenSocket({ host: '127.0.0.1', port: 0 });
  await listener.bindAndListen();
  const socket = new ConnectSocket(listener.address);
  const [peer] = await Promise.all([listener.accept(), socket.connect()]);
  await Promise.all([socket.close(), peer.close(), listener.close()]);
  report.push(loaded());
  await new ConnectSocket({ ...listener.address, tls: {} }).connect().catch(() => undefined);
  report.push(loaded().length > 0);
  console.log(JSON.stringify(report));
`;

/** The same for the streams of the web: before the first use of one, and after. */
const STREAMS_PROGRAM = `
  import { connectedPair } from './lib/testing/index';
  const loaded = () => process.moduleLoadList.filter((name) => /webstreams.(readable|writable)/.test(name));
  const [socket] = connectedPair();
  const report = [loaded()];
  report.push(socket.readable.locked, socket.writable.locked, loaded().length > 0);
  console.log(JSON.stringify(report));
`;

describe('the entry point', () => {
  /** The report of a program that imports the library. */
  async function run(program: string): Promise<unknown> {
    const root = resolve(__dirname, '../../..');
    const { outputFiles } = buildSync({
      stdin: { contents: program, resolveDir: root, loader: 'ts' },
      bundle: true,
      platform: 'node',
      format: 'esm',
      write: false,
    });
    // On standard input, because the bundle is longer than an argument may be.
    const running = promisify(execFile)(process.execPath, ['--input-type=module', '-']);
    running.child.stdin!.end(outputFiles[0]!.text);
    const { stdout } = await running;
    return JSON.parse(stdout) as unknown;
  }

  it('loads node:tls for a TLS connection, and not before', async () => {
    expect(await run(TLS_PROGRAM)).to.deep.equal([[], [], true]);
  });

  it('loads the streams of the web at their first use', async () => {
    expect(await run(STREAMS_PROGRAM)).to.deep.equal([[], false, false, true]);
  });
});
