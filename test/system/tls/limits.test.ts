import { once } from 'node:events';
import { type ConnectionOptions } from 'node:tls';
import { expect } from 'chai';
import { AgencyFlood } from '../../support/agency_flood';
import { type App } from '../../support/app';
import { storedRowsOf } from '../../support/generated_bets';
import { LotteryCertificates } from '../../support/lottery_certificates';
import { LotterySandbox } from '../../support/lottery_sandbox';
import { limitedBy } from '../../support/metrics_text';
import { type WireClient } from '../../support/wire_client';
import { type Identity } from '../../../tools/certificates/certificate_authority';
import { findFreePort } from '../../../tools/free_port';

describe('the limits of a server by TLS', function () {
  this.timeout(30_000);
  let sandbox: LotterySandbox;
  let certificates: LotteryCertificates;
  let agencies: readonly Identity[];
  let server: App;
  let port: number;
  let statusPort: number;

  beforeEach(async () => {
    sandbox = await LotterySandbox.create();
    certificates = await LotteryCertificates.create(sandbox, 0);
    agencies = [await certificates.writeAgency('agency-1', 1), await certificates.writeAgency('agency-2', 2)];
  });

  afterEach(async () => {
    await sandbox.dispose();
  });

  async function start(settings: Record<string, string>): Promise<void> {
    statusPort = await findFreePort();
    const status = { SERVER_STATUS_PORT: String(statusPort), SERVER_STATUS_TLS: 'off' };
    const env = { ...status, ...certificates.server, ...settings };
    ({ app: server, port } = await sandbox.startServer(env));
    await server.line(/action: status_page \| result: success/);
  }

  function tlsOf(agency: number): ConnectionOptions {
    const { certificate, key } = agencies[agency - 1]!;
    return { cert: certificate, key };
  }

  /** A connection of an agency from `127.0.1.HOST`. */
  function connect(agency: number, host: number): Promise<WireClient> {
    // Node's types of TLS leave the option of the socket out.
    return sandbox.connectTls(port, { ...tlsOf(agency), localAddress: `127.0.1.${host}` } as ConnectionOptions);
  }

  it('refuse further sessions of an agency as busy, from any address, and those of no other agency', async () => {
    await start({ SERVER_AGENCY_SESSIONS: '2', LOGGING_LEVEL: 'DEBUG' });
    await connect(2, 1);
    const second = await connect(2, 2);
    const refused = await connect(2, 3);
    expect(await refused.rest()).to.deep.equal(['E busy: 2 sessions of this agency are open, no more are taken']);
    expect(await (await connect(1, 3)).ask('N', '1')).to.equal('O 0');
    expect(await limitedBy(statusPort)).to.deep.equal({ agency_sessions: 1 });
    expect(await server.line(/accept_connections \| result: fail/)).to.match(
      /agency: 2 \| ip: 127\.0\.1\.3 \| port: \d+ \| error: busy \| limit: agency_sessions \| sessions: \d \| refused: 1$/,
    );
    second.destroy();
    await server.line(/close_session/);
    expect(await (await connect(2, 4)).ask('N', '2')).to.equal('O 0');
  });

  it('refuse connections of an agency beyond its rate, from any address', async () => {
    await start({ SERVER_AGENCY_CONNECTS_PER_SECOND: '1', SERVER_AGENCY_CONNECT_BURST: '2' });
    const answers: string[] = [];
    for (let host = 1; host <= 8; host++) {
      const client = await connect(2, host);
      answers.push(await client.ask('N', '2'));
      client.destroy();
    }
    const text = 'E busy: this agency has connected too often, 1 a second are allowed';
    expect(answers.slice(0, 2)).to.deep.equal(['O 0', 'O 0']);
    const refused = answers.filter((answer) => answer === text);
    expect(refused.length).to.be.at.least(1);
    expect(answers.filter((answer) => answer === 'O 0').length).to.equal(8 - refused.length);
    expect(await (await connect(1, 1)).ask('N', '1')).to.equal('O 0');
    expect(await limitedBy(statusPort)).to.deep.equal({ agency_connects: refused.length });
  });

  it('let an agency wait after many refused messages, from any address', async () => {
    await start({ SERVER_AGENCY_REFUSALS_PER_MINUTE: '2' });
    for (let host = 1; host <= 2; host++) {
      const client = await connect(2, host);
      expect(await client.ask('N', '1')).to.equal("E wrong-agency: the certificate is agency 2's");
      client.end();
      await once(client.socket, 'close');
    }
    const waiting = await connect(2, 3);
    expect(await waiting.rest()).to.deep.equal([
      'E busy: too many sessions of this agency were refused, 2 a minute are allowed',
    ]);
    expect(await (await connect(1, 1)).ask('N', '1')).to.equal('O 0');
    expect(await limitedBy(statusPort)).to.deep.equal({ agency_refusals: 1 });
  });

  it('leave an agency at full speed from many addresses the share of one agency', async () => {
    await start({
      SERVER_AGENCIES: '2',
      SERVER_AGENCY_SESSIONS: '1',
      SERVER_AGENCY_CONNECTS_PER_SECOND: '20',
      SERVER_AGENCY_CONNECT_BURST: '20',
      SERVER_AGENCY_MESSAGES_PER_SECOND: '60',
      SERVER_WAIT_HOLD_MS: '0',
    });
    const hosts = Array.from({ length: 8 }, (_, index) => `127.0.1.${index + 1}`);
    const flood = new AgencyFlood(port, 2, tlsOf(2), hosts);
    const files = await sandbox.writeBets(1, 2_000);
    // 200 messages and more, at 60 a second.
    const honest = sandbox.startClient(port, 1, { ...certificates.client, CLI_BATCH_MAX_AMOUNT: '10' });
    await honest.line(/upload \| result: success/, 20_000);
    const seconds = await flood.stop();
    expect(flood.answered).to.be.at.most(60 * (seconds + 1) + flood.sessions);
    expect(await sandbox.storedRows()).to.deep.equal(storedRowsOf(files));
    const { agency_messages: pauses, agency_sessions: sessions, ...others } = await limitedBy(statusPort);
    expect(pauses).to.be.at.least(1);
    expect(sessions).to.be.at.least(1);
    expect(Object.keys(others)).to.be.members(others['agency_connects'] === undefined ? [] : ['agency_connects']);
    expect(Array.from(flood.errors).filter((text) => !/^E (?:busy|superseded): /.test(text))).to.deep.equal([]);
    const refusals = server.grep(/accept_connections \| result: fail/);
    expect(refusals).to.have.length(1);
    expect(refusals[0]).to.match(/agency: 2 \| ip: 127\.0\.1\.[1-8] \|/);
  });

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
