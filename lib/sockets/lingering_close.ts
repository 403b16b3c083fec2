import { requireWaitOptions, type WaitOptions } from '../async/deadlines';
import { Waiter } from '../async/waiter';
import { type Connection } from './connection/connection';
import { type Receiver } from './connection/receiver';
import { type Sender } from './connection/sender';

const DEFAULT_LINGER_MS = 5000;

/** Closes a connection behind everything that was sent: see `StreamSocket.lingeringClose`. */
export async function lingeringClose(
  connection: Connection,
  receiver: Receiver,
  sender: Sender,
  { timeoutMs = DEFAULT_LINGER_MS, signal }: WaitOptions,
): Promise<void> {
  requireWaitOptions({ timeoutMs, signal });
  if (connection.phase !== 'open') {
    connection.close();
    await connection.closed;
    return;
  }
  connection.beginClosing();
  receiver.resume();
  sender.finish();

  const linger = new Waiter<void>('shut down writing', connection.endpoints, { timeoutMs, signal });
  void connection.closed.then(() => linger.resolve());
  if (signal?.aborted === true) linger.reject(signal.reason);
  await linger.promise.catch(() => connection.destroy());
  await connection.closed;
}
