/* eslint-disable no-console -- a program for a terminal */
import { ConnectSocket } from '../lib/index'; // for you: 'sockwright'

/** Sends each argument as a line and prints the answer: `echo_client.ts PORT TEXT...` */
async function main([port, ...lines]: string[]): Promise<void> {
  await using socket = new ConnectSocket({ host: '127.0.0.1', port: Number(port) });
  await socket.connect({ timeoutMs: 2000 });
  for (const line of lines) {
    await socket.sendAll(Buffer.from(`${line}\n`));
    const answer = await socket.recvUntil('\n', { timeoutMs: 2000 });
    if (answer === null) throw new Error('the server has closed');
    process.stdout.write(answer);
  }
  await socket.shutdownWrite();
}

main(process.argv.slice(2)).catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
