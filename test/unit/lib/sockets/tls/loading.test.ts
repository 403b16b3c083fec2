import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect } from 'chai';

const ROOT = join(__dirname, '../../../../..');
const REGISTER = join(ROOT, 'test/support/register.js');

/** Whether `node:tls` is loaded at the end of a program. */
function isTlsLoadedBy(program: string): boolean {
  const script = `
    const { ConnectSocket, ListenSocket } = require('./lib/index');
    const { connectedPair } = require('./lib/testing/index');
    (async () => {
      ${program}
      console.log(process.moduleLoadList.includes('NativeModule tls'));
      process.exit();
    })();`;
  const output = execFileSync(process.execPath, ['-r', REGISTER, '-e', script], { cwd: ROOT, encoding: 'utf8' });
  return output.trim() === 'true';
}

describe('node:tls', () => {
  it('is not loaded by plain connections', () => {
    const program = `
      const listener = new ListenSocket({ host: '127.0.0.1', port: 0 });
      await listener.bindAndListen();
      const client = new ConnectSocket(listener.address);
      const [peer] = await Promise.all([listener.accept(), client.connect()]);
      if (client.tls !== undefined || peer.tls !== undefined) throw new Error('TLS');`;
    expect(isTlsLoadedBy(program)).to.equal(false);
  });

  for (const [title, program] of [
    ['a listener with TLS', 'new ListenSocket({ port: 0, tls: {} });'],
    [
      'a client with TLS',
      "await new ConnectSocket({ host: '127.0.0.1', port: 1, tls: {} }).connect().catch(() => {});",
    ],
    ['startTls', 'await connectedPair()[0].startTls({ isServer: true }, { timeoutMs: 0 }).catch(() => {});'],
  ] as const) {
    it(`is loaded by ${title}`, () => {
      expect(isTlsLoadedBy(program)).to.equal(true);
    });
  }
});
