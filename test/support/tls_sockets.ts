import { once } from 'node:events';
import { type Socket } from 'node:net';
import {
  ConnectSocket,
  type ConnectSocketOptions,
  type HandshakeFailedError,
  ListenSocket,
  type ListenSocketOptions,
  type PeerSocket,
  type TlsListenOptions,
} from '../../lib/index';
import { identity, pem } from './certificates';

/** A server whose clients need a certificate of the authority. */
export const SERVER: TlsListenOptions = { ...identity('server'), ca: pem('ca'), requestCert: true };
/** A client with such a certificate. */
export const CLIENT = { ...identity('client'), ca: pem('ca') };

/** A listener and the failures of its handshakes. */
export interface TlsListener {
  readonly listener: ListenSocket;
  readonly port: number;
  /** Resolves with the next failure, or the first one that nobody has taken. */
  readonly failure: () => Promise<HandshakeFailedError>;
}

/** The sockets of a case. `closeAll` comes after it. */
export class TlsSockets {
  private readonly opened: { close: () => unknown }[] = [];

  async listen(tls: TlsListenOptions = SERVER, options: Partial<ListenSocketOptions> = {}): Promise<TlsListener> {
    const failures: HandshakeFailedError[] = [];
    let onFailure: (() => void) | undefined;
    const listener = new ListenSocket({
      host: '127.0.0.1',
      port: 0,
      tls,
      onHandshakeError: (error: HandshakeFailedError) => {
        failures.push(error);
        onFailure?.();
      },
      ...options,
    } as ListenSocketOptions);
    this.opened.push(listener);
    await listener.bindAndListen();
    const failure = async (): Promise<HandshakeFailedError> => {
      if (failures.length === 0) await new Promise<void>((resolve) => (onFailure = resolve));
      return failures.shift()!;
    };
    return { listener, port: listener.address?.port ?? 0, failure };
  }

  client(port: number, tls: ConnectSocketOptions['tls'] = CLIENT, host = '127.0.0.1'): ConnectSocket {
    const socket = new ConnectSocket({ host, port, tls });
    this.opened.push(socket);
    return socket;
  }

  /** Connects, and accepts the connection. */
  async pair(
    { listener, port }: TlsListener,
    tls?: ConnectSocketOptions['tls'],
    host?: string,
  ): Promise<{ client: ConnectSocket; peer: PeerSocket }> {
    const client = this.client(port, tls, host);
    const [peer] = await Promise.all([listener.accept(), client.connect()]);
    this.opened.push(peer);
    return { client, peer };
  }

  keep<Opened extends { close: () => unknown }>(opened: Opened): Opened {
    this.opened.push(opened);
    return opened;
  }

  /** Resolves with a raw socket, which is destroyed after the case. */
  async connected(raw: Socket): Promise<Socket> {
    this.opened.push({ close: () => raw.destroy() });
    raw.on('error', () => undefined);
    await once(raw, 'connect');
    return raw;
  }

  async closeAll(): Promise<void> {
    await Promise.all(this.opened.splice(0).map((each) => each.close()));
  }
}
