import { once } from 'node:events';
import { expect } from 'chai';
import { type App } from '../../support/app';
import { LotteryCertificates } from '../../support/lottery_certificates';
import { LotterySandbox } from '../../support/lottery_sandbox';
import { limitedBy } from '../../support/metrics_text';
import { findFreePort } from '../../../tools/free_port';

describe('the limits of a server by TLS', function () {
  this.timeout(30_000);
  let sandbox: LotterySandbox;
  let certificates: LotteryCertificates;
  let server: App;
  let port: number;
  let statusPort: number;

  beforeEach(async () => {
    sandbox = await LotterySandbox.create();
    certificates = await LotteryCertificates.create(sandbox, 2);
  });

  afterEach(async () => {
    await sandbox.dispose();
  });

  async function start(settings: Record<string, string>): Promise<void> {
    statusPort = await findFreePort();
    const env = { SERVER_STATUS_PORT: String(statusPort), ...certificates.server, ...settings };
    ({ app: server, port } = await sandbox.startServer(env));
    await server.line(/action: status_page \| result: success/);
  }

  it('reset a connection beyond the handshakes at once, and count it as such', async () => {
    await start({ SERVER_MAX_SESSIONS: '8' });
    const silent = [await sandbox.connect(port), await sandbox.connect(port)];
    const refused = await sandbox.connect(port);
    const [error] = (await once(refused.socket, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).to.equal('ECONNRESET');
    expect(await limitedBy(statusPort)).to.deep.equal({ handshakes: 1 });
    expect(await server.line(/accept_connections \| result: fail/)).to.match(
      /ip: 127\.0\.0\.1 \| port: \d+ \| error: busy \| limit: handshakes \| sessions: 0 \| refused: 1$/,
    );
    expect(silent.map(({ socket }) => socket.destroyed)).to.deep.equal([false, false]);
  });
});
