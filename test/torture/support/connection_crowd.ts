import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { ServerProcess } from './server_process';

/** Open connections to a server that read and discard all they receive. */
export class ConnectionCrowd {
  readonly sockets: Socket[] = [];

  /** Opens connections, at most 200 at a time. */
  async gather(port: number, count: number): Promise<void> {
    for (let opened = 0; opened < count; opened += 200) {
      const some = Array.from({ length: Math.min(200, count - opened) }, () => {
        const socket = connect({ port, host: '127.0.0.1' });
        socket.on('error', () => {});
        socket.resume();
        this.sockets.push(socket);
        return once(socket, 'connect');
      });
      await Promise.all(some);
    }
  }

  /** Destroys all of them. */
  disperse(): void {
    for (const socket of this.sockets.splice(0)) socket.destroy();
  }
}

/** Starts a server that allows a crowd from one address, and silent connections. */
export function startCrowdServer(directory: string, settings: Readonly<Record<string, string>> = {}): ServerProcess {
  return new ServerProcess({
    SERVER_DATA_DIR: directory,
    SERVER_AGENCIES: '100',
    LOGGING_LEVEL: 'INFO',
    SERVER_UNNAMED_TIMEOUT_MS: '0',
    SERVER_ADDRESS_CONNECT_BURST: '1000000',
    ...settings,
  });
}
