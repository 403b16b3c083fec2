/* eslint-disable no-console -- a program for a terminal */
import { ConnectSocket, FramedSocket, RequestChannel } from '../lib/index'; // for you: 'sockwright'
import { rpcCodec, rpcProtocol } from './rpc_protocol';

/** Makes three calls at once, one of which fails: `rpc_client.ts PORT` */
async function main(port: number): Promise<void> {
  const socket = new ConnectSocket({ host: '127.0.0.1', port });
  await socket.connect({ timeoutMs: 2000 });
  await using channel = new RequestChannel(new FramedSocket(socket, rpcCodec), rpcProtocol);
  const call = (method: string, ...args: number[]): Promise<number> =>
    channel.call({ method, args }, { timeoutMs: 2000 });
  const calls = [
    call('addSlowly', 1, 2).then((sum) => console.log(`1 + 2 = ${sum}, slowly`)),
    call('add', 3, 4).then((sum) => console.log(`3 + 4 = ${sum}`)),
    call('divide', 1, 0).catch((error: Error) => console.log(error.message)),
  ];
  await Promise.all(calls);
}

main(Number(process.argv[2])).catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
