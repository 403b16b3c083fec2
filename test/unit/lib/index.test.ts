import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { buildSync } from 'esbuild';

/** Prints the names of Node's modules for TLS that were loaded: before the use of a listener and a client, and after. */
const PROGRAM = `
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

describe('the entry point', () => {
  it('loads node:tls for a TLS connection, and not before', async () => {
    const root = resolve(__dirname, '../../..');
    const { outputFiles } = buildSync({
      stdin: { contents: PROGRAM, resolveDir: root, loader: 'ts' },
      bundle: true,
      platform: 'node',
      format: 'esm',
      write: false,
    });
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', outputFiles[0]!.text]);
    expect(JSON.parse(stdout)).to.deep.equal([[], [], true]);
  });
});
