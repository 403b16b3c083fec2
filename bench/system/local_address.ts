import { type NetConnectOpts, Socket } from 'node:net';

/** Preloaded into an agency (`node -r`): its connections come from the address BENCH_LOCAL_ADDRESS. */
const localAddress = process.env['BENCH_LOCAL_ADDRESS'];
const connect = Reflect.get(Socket.prototype, 'connect') as (this: Socket, ...args: unknown[]) => Socket;

Socket.prototype.connect = function (this: Socket, ...args: unknown[]): Socket {
  // `net.connect` gives the options and the callback in one list.
  const [first] = args;
  const options = (Array.isArray(first) ? first[0] : first) as NetConnectOpts;
  Object.assign(options, { localAddress });
  return connect.apply(this, args);
};
