/* eslint-disable no-console -- a program for a terminal */
import { randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { formatAddress, ListenSocket, type PeerSocket, type Refusal, SocketError } from '../lib/index'; // for you: 'sockwright'
import { type Mail, serveSmtp, type SmtpOptions } from './smtp_connection';

/**
 * Receives mail, with STARTTLS: `smtp_server.ts CERTIFICATE.pem KEY.pem DIRECTORY [port]`. Each message is a file in the
 * directory, which is on the disk before the client gets its 250.
 */
async function main(certificate: string, key: string, directory: string, port = '0'): Promise<void> {
  const options: SmtpOptions = {
    tls: { cert: await readFile(certificate), key: await readFile(key) },
    maxMessageBytes: 1_048_576,
    idleTimeoutMs: 300_000,
    messageTimeoutMs: 600_000,
    deliver: (mail) => store(directory, mail),
  };
  const listener = new ListenSocket({ host: '127.0.0.1', port: Number(port) });
  await listener.bindAndListen();
  process.once('SIGTERM', () => void listener.closeAndDrain({ timeoutMs: 5000 }));
  console.log(`listening on ${formatAddress(listener.address)}`);
  await listener.serve((peer) => serveSmtp(peer, options), {
    maxConnections: 100, // messages of at most 100 MiB in memory
    maxPerAddress: 10,
    onRefused: ({ peer }: Refusal) => peer?.sendAll(Buffer.from('421 too many connections\r\n'), { timeoutMs: 1000 }),
    onError: report,
  });
}

async function store(directory: string, { sender, recipients, content, tlsProtocol = 'no TLS' }: Mail): Promise<void> {
  const name = `${randomUUID()}.eml`;
  await writeFile(join(directory, name), content, { flag: 'wx', flush: true });
  console.log(`${name}: from <${sender}> to <${recipients.join('>, <')}>, ${content.length} bytes, ${tlsProtocol}`);
}

/** The message of a `SocketError` has the address of the client already. */
function report(error: unknown, peer: PeerSocket | undefined): void {
  const client = error instanceof SocketError || peer === undefined ? '' : `${formatAddress(peer.remoteAddress)}: `;
  console.log(`${client}${(error as Error).message}`);
}

main(...(process.argv.slice(2) as [string, string, string, string?])).catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
