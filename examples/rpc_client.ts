/* eslint-disable no-console -- a program for a terminal */
import { ConnectSocket, FramedSocket } from '../lib/index'; // for you: 'sockwright'
import { type Result, rpcCodec } from './rpc_protocol';

interface Pending {
  readonly resolve: (value: number) => void;
  readonly reject: (error: Error) => void;
}

/** Calls methods of a server. Several calls may wait for their results at a time. */
class RpcClient {
  private readonly pending = new Map<number, Pending>();
  private lastId = 0;

  constructor(private readonly framed: FramedSocket<{ type: string; value: unknown }>) {
    this.receiveAll().then(
      () => this.failAll(new Error('the server has ended')),
      (error: Error) => this.failAll(error),
    );
  }

  async call(method: string, ...args: number[]): Promise<number> {
    const id = ++this.lastId;
    const result = new Promise<number>((resolve, reject) => this.pending.set(id, { resolve, reject }));
    await this.framed.send({ type: 'C', value: { id, method, args } });
    return result;
  }

  private async receiveAll(): Promise<void> {
    for await (const message of this.framed) {
      const { id, value, error } = message.value as Result;
      const waiting = this.pending.get(id);
      this.pending.delete(id);
      if (error === undefined) waiting?.resolve(value!);
      else waiting?.reject(new Error(error));
    }
  }

  private failAll(error: Error): void {
    for (const { reject } of this.pending.values()) reject(error);
    this.pending.clear();
  }
}

/** Makes three calls at once, one of which fails: `rpc_client.ts PORT` */
async function main(port: number): Promise<void> {
  await using socket = new ConnectSocket({ host: '127.0.0.1', port });
  await socket.connect({ timeoutMs: 2000 });
  const client = new RpcClient(new FramedSocket(socket, rpcCodec));
  const calls = [
    client.call('addSlowly', 1, 2).then((sum) => console.log(`1 + 2 = ${sum}, slowly`)),
    client.call('add', 3, 4).then((sum) => console.log(`3 + 4 = ${sum}`)),
    client.call('divide', 1, 0).catch((error: Error) => console.log(error.message)),
  ];
  await Promise.all(calls);
}

main(Number(process.argv[2])).catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
