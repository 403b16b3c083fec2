import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type ListenSocket, type PeerSocket } from '../../../../../lib/index';
import { SettingsError } from '../../../../../apps/runtime/settings';
import { TlsActivity } from '../../../../../apps/server/stats/tls_activity';
import { TlsTransport } from '../../../../../apps/server/transport/tls_transport';
import { type PeerCheck } from '../../../../../apps/server/transport/transport';
import { CertificateAuthority, type Identity, validFor } from '../../../../../tools/certificates/certificate_authority';
import { createMemoryLog } from '../../../../support/memory_lottery';
import { until } from '../../../../support/turns';

const BOUNDS = { timeoutMs: 10_000, most: 10 };
const FAILED = /action: tls_files \| result: fail \| error: (.*)$/;

describe('TlsTransport', () => {
  let directory: string;
  let authority: CertificateAuthority;
  let activity: TlsActivity;
  let memory: ReturnType<typeof createMemoryLog>;
  let transport: TlsTransport | undefined;
  let listener: ListenSocket | undefined;
  let checks: PeerCheck[];
  const sockets: Socket[] = [];

  before(async () => {
    authority = await CertificateAuthority.create('test CA', validFor(100));
  });

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tls-'));
    activity = new TlsActivity();
    memory = createMemoryLog();
    checks = [];
    await write('ca.pem', authority.certificate);
    await revoke();
    await writePair(await newServer());
  });

  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await listener?.close();
    transport?.close();
    [listener, transport] = [undefined, undefined];
    await rm(directory, { recursive: true, force: true });
  });

  const at = (name: string): string => join(directory, name);
  const write = (name: string, text: string): Promise<void> => writeFile(at(name), text);

  const newServer = (days = 100): Promise<Identity> =>
    authority.issue({ name: 'server', names: [], role: 'server' }, validFor(days));

  async function newAgency(id: number): Promise<Identity> {
    const names = [{ type: 'url' as const, value: `urn:lottery:agency:${id}` }];
    return authority.issue({ name: `agency ${id}`, names, role: 'client' }, validFor(10));
  }

  async function writePair({ certificate, key }: Identity): Promise<void> {
    await write('server.pem', certificate);
    await write('server.key.pem', key);
  }

  async function revoke(...identities: Identity[]): Promise<void> {
    const serialNumbers = identities.map(({ serialNumber }) => serialNumber);
    await write('crl.pem', await authority.revoke(serialNumbers, validFor(100)));
  }

  function create(): TlsTransport {
    const files = {
      certificate: { setting: 'SERVER_TLS_CERT_FILE', path: at('server.pem') },
      key: { setting: 'SERVER_TLS_KEY_FILE', path: at('server.key.pem') },
      clientCa: { setting: 'SERVER_TLS_CLIENT_CA_FILE', path: at('ca.pem') },
      revocations: { setting: 'SERVER_TLS_CRL_FILE', path: at('crl.pem') },
    };
    transport = new TlsTransport({ host: '127.0.0.1', port: 0 }, files, BOUNDS, activity, memory.log);
    return transport;
  }

  async function start(): Promise<TlsTransport> {
    const created = create();
    listener = created.createListener();
    await listener.bindAndListen();
    created.start((check) => checks.push(check));
    return created;
  }

  /** Reads the files again, as at the signal. Returns the faults that are logged meanwhile. */
  function reload(): string[] {
    memory.lines.length = 0;
    process.emit('SIGHUP');
    return memory.lines.flatMap((line) => FAILED.exec(line)?.[1] ?? []);
  }

  async function connectPlain(): Promise<Socket> {
    const socket = connect({ host: '127.0.0.1', port: listener!.address!.port! });
    sockets.push(socket);
    socket.on('error', () => {});
    await once(socket, 'connect');
    return socket;
  }

  /** A connection with an accepted certificate. */
  function peerOf({ certificate }: Identity): PeerSocket {
    const x509 = new X509Certificate(certificate);
    const uri = [x509.subjectAltName!.replace('URI:', '')];
    const peerCertificate = { raw: x509.raw, x509, subjectAltName: { uri } };
    return { tls: { authorized: true, peerCertificate } } as unknown as PeerSocket;
  }

  it('is a SettingsError at the start if a file cannot be used, and names it', async () => {
    await write('crl.pem', 'no list');
    expect(create).to.throw(SettingsError, `SERVER_TLS_CRL_FILE ${at('crl.pem')} has no revocation list in PEM`);
    await write('crl.pem', '-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n');
    expect(create).to.throw(SettingsError, `SERVER_TLS_CRL_FILE ${at('crl.pem')} has a damaged revocation list`);
    await rm(at('ca.pem'));
    expect(create).to.throw(SettingsError, `SERVER_TLS_CLIENT_CA_FILE ${at('ca.pem')} cannot be read: ENOENT`);
  });

  it('keeps the old pair while only one file of a new pair is there', async () => {
    await start();
    const renewed = await newServer(50);
    const before = activity.expiry;
    await write('server.pem', renewed.certificate);
    expect(reload()).to.deep.equal([
      `SERVER_TLS_KEY_FILE ${at('server.key.pem')} is not the key of SERVER_TLS_CERT_FILE ${at('server.pem')}`,
    ]);
    expect(activity.expiry).to.equal(before);
    await write('server.key.pem', renewed.key);
    expect(reload()).to.deep.equal([]);
    expect(activity.expiry!.certificate).to.deep.equal(new Date(new X509Certificate(renewed.certificate).validTo));
    expect([activity.reloads, activity.failedReloads, checks.length]).to.deep.equal([1, 1, 1]);
  });

  it('keeps the old content while a file cannot be used or is away, and takes it when it is back', async () => {
    await start();
    await write('ca.pem', 'no certificate');
    expect(reload()).to.deep.equal([`SERVER_TLS_CLIENT_CA_FILE ${at('ca.pem')} has no certificate in PEM`]);
    await write('ca.pem', authority.certificate);
    await rename(at('crl.pem'), at('away.pem'));
    expect(reload()[0]).to.match(/^SERVER_TLS_CRL_FILE .*crl\.pem cannot be read: ENOENT/);
    await rename(at('away.pem'), at('crl.pem'));
    expect(reload()).to.deep.equal([]);
    expect([activity.reloads, activity.failedReloads, checks.length]).to.deep.equal([1, 2, 1]);
  });

  it('checks the open sessions after a change, and connections whose handshake began before it', async () => {
    const opened = await start();
    const [one, two] = [await newAgency(1), await newAgency(2)];
    expect([opened.agencyOf(peerOf(one)), opened.agencyOf(peerOf(two))]).to.deep.equal([1, 2]);
    await revoke(two);
    reload();
    const text = 'wrong-agency: the certificate is revoked (CERT_REVOKED)';
    expect(checks.map((check) => [check(peerOf(one)), check(peerOf(two))?.message])).to.deep.equal([[undefined, text]]);
    expect(opened.agencyOf(peerOf(one))).to.equal(1);
    expect((opened.agencyOf(peerOf(two)) as Error).message).to.equal(text);
    expect(Object.fromEntries(activity.failures)).to.deep.equal({ 'certificate-revoked': 1 });
  });

  it('counts and logs a client that ends the handshake, and one that does not speak TLS', async () => {
    await start();
    (await connectPlain()).end();
    await until(() => activity.failures.size === 1, 'the end is counted');
    (await connectPlain()).write('GET / HTTP/1.1\r\n\r\n');
    await until(() => activity.failures.size === 2, 'the other bytes are counted');
    expect(Object.fromEntries(activity.failures)).to.deep.equal({ ended: 1, 'not-tls': 1 });
    const lines = memory.lines.filter((line) => /action: tls_handshake \| result: fail \| ip: 127\.0\.0\.1/.test(line));
    expect(lines).to.have.length(1);
    expect(lines[0]).to.match(/the client ended the connection$/);
  });

  it('reads nothing after its close, and may be closed twice', async () => {
    const before = process.listenerCount('SIGHUP');
    const opened = await start();
    expect(process.listenerCount('SIGHUP')).to.equal(before + 1);
    opened.close();
    opened.close();
    expect(process.listenerCount('SIGHUP')).to.equal(before);
    expect([activity.reloads, activity.failedReloads]).to.deep.equal([0, 0]);
  });

  it('may read its files between the close of its listener and its own', async () => {
    await start();
    await listener!.close();
    await writePair(await newServer());
    expect(reload()).to.deep.equal([]);
    await write('server.pem', 'no certificate');
    expect(reload()).to.have.length(1);
    expect([activity.reloads, activity.failedReloads]).to.deep.equal([1, 1]);
  });
});
