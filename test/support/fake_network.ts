import { Duplex } from 'node:stream';
import { ConnectSocket, formatAddress } from '../../lib/index';
import { type SocketFactory } from '../../apps/client/connection/reconnector';
import { ScriptedServer } from './scripted_server';

/** A connection that is never made, as to a machine that does not respond to the SYN. */
class SilentStream extends Duplex {
  readonly connecting = true;

  override _read(): void {}
}

/** Servers in memory by their addresses. It keeps each attempt to connect. An address without a server refuses. */
export class FakeNetwork {
  /** The attempts so far, with their times in milliseconds since the beginning: `1600 10.0.0.2:1`. */
  readonly attempts: string[] = [];
  private readonly begunAt = performance.now();
  private readonly servers = new Map<string, () => ConnectSocket>();

  readonly createSocket: SocketFactory = (target) => {
    const address = formatAddress(target);
    this.attempts.push(`${Math.round(performance.now() - this.begunAt)} ${address}`);
    return (this.servers.get(address) ?? refuse)();
  };

  /** Puts a server in the place of the one before. */
  listen(address: string): ScriptedServer {
    const server = new ScriptedServer();
    this.servers.set(address, server.createSocket);
    return server;
  }

  /** No attempt at this address gets a response. */
  silence(address: string): void {
    this.servers.set(address, () => new ConnectSocket({ createConnection: () => new SilentStream() }));
  }

  /** The address refuses connections from now on. */
  close(address: string): void {
    this.servers.delete(address);
  }
}

function refuse(): ConnectSocket {
  return new ConnectSocket({
    createConnection: () => {
      throw new Error('refused');
    },
  });
}
