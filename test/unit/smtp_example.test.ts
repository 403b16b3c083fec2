import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Mail, serveSmtp } from '../../examples/smtp_connection';
import { ConnectSocket } from '../../lib/index';
import { connectedPair } from '../../lib/testing/index';
import { certificateFile, identity, pem } from '../support/certificates';
import { outputOf, runCommand } from '../support/command';
import { ExampleServer } from '../support/example_server';
import { rejection } from '../support/rejection';

const ROOT = join(__dirname, '../..');
const has = (program: string, ...args: string[]): boolean => spawnSync(program, args).status === 0;
const hasPython = has('python3', '-c', 'import smtplib, ssl');
const hasOpenssl = has('openssl', 'version');

/** Dots, an empty line, every byte but the ends of lines, a line of the largest size, and the end of a message within it. */
const CONTENT = Buffer.concat([
  Buffer.from('Subject: dots\r\n\r\n.\r\n..\r\n.leading\r\n\r\nRCPT TO:<x>\r\n'),
  Buffer.from(Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => byte !== 10 && byte !== 13)),
  Buffer.from(`\r\n.${'x'.repeat(997)}\r\n.\r\nend\r\n`),
]);

describe('the SMTP server of the examples', function () {
  this.timeout(30_000);
  let server: ExampleServer;
  let directory: string;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'smtp-'));
    server = await ExampleServer.start('smtp_server.ts', certificateFile('server'), certificateFile('key'), directory);
  });
  after(async () => {
    // Each line of its output was taken by the case that caused it.
    expect(await server.stop()).to.deep.equal({ code: 0, lines: [] });
    expect(await readdir(directory)).to.deep.equal([]);
    await rm(directory, { recursive: true });
  });

  async function connected(): Promise<ConnectSocket> {
    const socket = new ConnectSocket({ host: '127.0.0.1', port: server.port });
    await socket.connect({ timeoutMs: 5000 });
    return socket;
  }

  /** All that comes until the server ends, which it must do. */
  async function restOf(socket: ConnectSocket): Promise<string> {
    let text = '';
    for (;;) {
      const bytes = await socket.recvSome(65_536, { timeoutMs: 10_000 });
      if (bytes === null) return text;
      text += bytes.toString('latin1');
    }
  }

  async function answerTo(text: string | Buffer): Promise<string[]> {
    await using socket = await connected();
    await socket.sendAll(Buffer.from(text as string, 'latin1'));
    return (await restOf(socket)).split('\r\n').slice(0, -1);
  }

  async function reply(socket: ConnectSocket, command: string): Promise<string> {
    await socket.sendAll(Buffer.from(`${command}\r\n`));
    return String(await socket.recvUntil('\r\n', { timeoutMs: 5000 })).trimEnd();
  }

  /** The next line of the server, without the name of the file, and the content of that file, which is removed. */
  async function nextMessage(): Promise<[string, Buffer]> {
    const line = await server.nextLine();
    const [, name, envelope] = /^([\da-f-]{36}\.eml): (.*)$/.exec(line)!;
    const file = join(directory, name!);
    const content = await readFile(file);
    await rm(file);
    return [envelope!, content];
  }

  it(`receives mail of Python's smtplib over TLS${hasPython ? '' : ' (skipped: no python3)'}`, async function () {
    if (!hasPython) this.skip();
    const args = [join(ROOT, 'test/support/smtp_client.py'), String(server.port), certificateFile('ca')];
    const replies: unknown = JSON.parse(await outputOf('python3', args, { input: CONTENT, timeoutMs: 25_000 }));
    expect(replies).to.deep.equal({
      ehlo: [250, 'localhost\nSIZE 1048576\nSTARTTLS'],
      'ehlo over TLS': [250, 'localhost\nSIZE 1048576'],
      refused: {},
      size: [552, 'a message has at most 1048576 bytes'],
      data: [552, 'a message has at most 1048576 bytes'],
      sender: [503, 'MAIL comes first'],
      rset: [250, 'OK'],
      noop: [250, 'OK'],
      empty: [250, 'OK'],
      quit: [221, 'goodbye'],
    });
    expect(await nextMessage()).to.deep.equal([
      `from <from@example.org> to <one@example.org>, <two@example.org>, ${CONTENT.length} bytes, TLSv1.3`,
      CONTENT,
    ]);
    expect(await nextMessage()).to.deep.equal([
      'from <from@example.org> to <three@example.org>, 2 bytes, TLSv1.3',
      Buffer.from('\r\n'),
    ]);
  });

  it(`is refused by smtplib if its authority is unknown${hasPython ? '' : ' (skipped: no python3)'}`, async function () {
    if (!hasPython) this.skip();
    const args = [join(ROOT, 'test/support/smtp_client.py'), String(server.port), certificateFile('other_ca')];
    const { code, stderr } = await runCommand('python3', args, { input: CONTENT });
    expect(code).to.equal(1);
    expect(stderr).to.match(/SSLCertVerificationError.*CERTIFICATE_VERIFY_FAILED/);
    expect(await server.nextLine()).to.match(
      /^start TLS with 127\.0\.0\.1:\d+: .*refused the certificate of this side.*\(unknown ca\)$/,
    );
  });

  it(`talks to openssl s_client${hasOpenssl ? '' : ' (skipped: no openssl)'}`, async function () {
    if (!hasOpenssl) this.skip();
    const args = ['s_client', '-starttls', 'smtp', '-connect', `127.0.0.1:${server.port}`, '-tls1_2', '-quiet'];
    const check = ['-CAfile', certificateFile('ca'), '-verify_return_error', '-verify_ip', '127.0.0.1'];
    const input =
      'EHLO s_client\r\nMAIL FROM:<>\r\nRCPT TO:<a@example.org>\r\nDATA\r\n..dot\r\nsecond\r\n.\r\nSTARTTLS\r\nQUIT\r\n';
    const { code, stdout } = await runCommand('openssl', [...args, ...check], { input });
    expect(code).to.equal(0);
    // Some versions print a line from the time without TLS first.
    expect(stdout.slice(stdout.indexOf('250-')).split('\r\n')).to.deep.equal([
      '250-localhost',
      '250 SIZE 1048576',
      '250 OK',
      '250 OK',
      '354 end with a dot on a line of its own',
      '250 OK',
      '503 TLS is used already',
      '221 goodbye',
      '',
    ]);
    expect(await nextMessage()).to.deep.equal([
      'from <> to <a@example.org>, 14 bytes, TLSv1.2',
      Buffer.from('.dot\r\nsecond\r\n'),
    ]);
  });

  it('answers each mistake by its code, and goes on', async () => {
    const dialog = [
      ['', '220 localhost ESMTP'],
      ['MAIL FROM:<a@b>', '503 EHLO comes first'],
      ['NOPE', '500 unknown command'],
      ['', '500 unknown command'],
      ['\xff\x01', '500 unknown command'],
      ['EHLO', '501 a name is needed'],
      ['helo client.example', '250 localhost'],
      ['RCPT TO:<a@b>', '503 MAIL comes first'],
      ['MAIL TO:<a@b>', '501 FROM:<address> is needed'],
      ['MAIL FROM:a@b', '501 FROM:<address> is needed'],
      ['MAIL FROM:<a\x1b@b>', '501 FROM:<address> is needed'],
      ['MAIL FROM:<a@b> BODY=7BIT', '555 unknown parameter'],
      ['MAIL FROM:<a@b> SIZE=1048577', '552 a message has at most 1048576 bytes'],
      ['mail from:<a@b> size=1048576', '250 OK'],
      ['MAIL FROM:<a@b>', '503 the message has a sender already'],
      ['DATA', '503 RCPT comes first'],
      ['RCPT TO:<>', '501 TO:<address> is needed'],
      ['RCPT TO:<a@b> NOTIFY=NEVER', '555 unknown parameter'],
      ...Array.from({ length: 100 }, (_, index) => [`RCPT TO:<a${index}@b>`, '250 OK']),
      ['RCPT TO:<a100@b>', '452 too many recipients'],
      ['DATA now', '501 DATA has no parameters'],
      ['STARTTLS now', '501 STARTTLS has no parameters'],
      ['RSET', '250 OK'],
      ['DATA', '503 RCPT comes first'],
      ['VRFY a', '252 addresses are not verified'],
      ['NOOP ', '250 OK'],
      ['QUIT', '221 goodbye'],
    ];
    const commands = dialog.slice(1).map(([command]) => `${command}\r\n`);
    expect(await answerTo(`${commands.join('')}NOOP\r\n`)).to.deep.equal(dialog.map(([, expected]) => expected));
  });

  it('forgets at STARTTLS what came before it', async () => {
    await using socket = await connected();
    expect(String(await socket.recvUntil('\r\n'))).to.equal('220 localhost ESMTP\r\n');
    expect(await reply(socket, 'HELO client.example')).to.equal('250 localhost');
    expect(await reply(socket, 'MAIL FROM:<a@b>')).to.equal('250 OK');
    expect(await reply(socket, 'RCPT TO:<a@b>')).to.equal('250 OK');
    expect(await reply(socket, 'STARTTLS')).to.equal('220 begin TLS');
    await socket.startTls({ isServer: false, ca: pem('ca') });
    expect(await reply(socket, 'DATA')).to.equal('503 RCPT comes first');
    expect(await reply(socket, 'MAIL FROM:<a@b>')).to.equal('503 EHLO comes first');
  });

  it('carries out no command that came behind STARTTLS without TLS', async () => {
    const answers = await answerTo('HELO client.example\r\nSTARTTLS\r\nMAIL FROM:<injected@example.org>\r\n');
    expect(answers).to.deep.equal(['220 localhost ESMTP', '250 localhost', '220 begin TLS']);
    expect(await server.nextLine()).to.match(/^start TLS with 127\.0\.0\.1:\d+: 34 bytes wait that came without TLS$/);
  });

  it('takes only a dot between two ends of lines for the end of a message', async () => {
    const content = 'one\n.\r\ntwo\r\n.\nthree\r.\r\n';
    const stuffed = content.replace('\r\n.', '\r\n..');
    const answers = await answerTo(
      `HELO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n${stuffed}.\r\nNOOP\r\nQUIT\r\n`,
    );
    expect(answers.slice(-4)).to.deep.equal([
      '354 end with a dot on a line of its own',
      '250 OK',
      '250 OK',
      '221 goodbye',
    ]);
    const envelope = `from <a@b> to <c@d>, ${content.length} bytes, no TLS`;
    expect(await nextMessage()).to.deep.equal([envelope, Buffer.from(content)]);
  });

  it('ends at a line that is too long, in a command and in a message', async () => {
    const message = 'HELO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n';
    for (const before of ['', message]) {
      const answers = await answerTo(`${before}${'x'.repeat(1000)}\r\nQUIT\r\n`);
      expect(answers.at(-1)).to.equal('500 a line has at most 1000 bytes');
      const line = await server.nextLine();
      expect(line).to.match(/^127\.0\.0\.1:\d+: a line of 1000 bytes: at most 999 are allowed$/);
    }
  });

  it('stores no message whose end has not come', async () => {
    await using socket = await connected();
    await socket.sendAll(Buffer.from('HELO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nhalf\r\n'));
    await socket.shutdownWrite();
    expect((await restOf(socket)).split('\r\n').at(-2)).to.equal('421 closing the connection');
    expect(await server.nextLine()).to.match(/^127\.0\.0\.1:\d+: the client ended within a message$/);
  });

  it('answers connections over the limit of an address, and refuses them', async () => {
    const sockets = await Promise.all(Array.from({ length: 10 }, connected));
    for (const socket of sockets) expect(String(await socket.recvUntil('\r\n'))).to.equal('220 localhost ESMTP\r\n');
    await using further = await connected();
    expect(await restOf(further)).to.equal('421 too many connections\r\n');
    await Promise.all(sockets.map((socket) => socket.close()));
  });

  describe('with short deadlines', () => {
    const limits = { tls: identity('server'), maxMessageBytes: 1000, idleTimeoutMs: 10_000, messageTimeoutMs: 10_000 };
    const BEGIN = 'HELO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n';

    /** The last line for a client that sends a text, and the error of the connection. */
    async function ending(text: string, options: Partial<typeof limits>, failure?: Error): Promise<unknown[]> {
      const [client, peer] = connectedPair();
      const delivered: Mail[] = [];
      const deliver = (mail: Mail): Promise<void> => {
        delivered.push(mail);
        return failure === undefined ? Promise.resolve() : Promise.reject(failure);
      };
      const error = rejection(serveSmtp(peer, { ...limits, ...options, deliver }));
      await client.sendAll(Buffer.from(text));
      let received = '';
      for await (const bytes of client) received += bytes.toString();
      await client.close();
      return [received.split('\r\n').at(-2), await error, delivered.length];
    }

    for (const [title, text, options, clock] of [
      ['a silent client', '', { idleTimeoutMs: 20 }, 'without a byte'],
      ['a command that does not end', 'HE', { messageTimeoutMs: 20 }, 'in the middle of a message'],
      ['silence within a message', `${BEGIN}one\r\n`, { idleTimeoutMs: 20 }, 'without a byte'],
      ['a message that does not end', `${BEGIN}one\r\n`, { messageTimeoutMs: 100 }, 'aborted by the caller'],
    ] as const) {
      it(`are ended: ${title}`, async () => {
        const [line, error, delivered] = await ending(text, options);
        expect(line).to.equal('421 too slow');
        expect((error as Error).message).to.contain(clock);
        expect(delivered).to.equal(0);
      });
    }

    it('a message that cannot be stored gets no 250', async () => {
      const full = new Error('ENOSPC: no space left on device');
      expect(await ending(`${BEGIN}one\r\n.\r\n`, {}, full)).to.deep.equal(['421 closing the connection', full, 1]);
    });
  });
});
