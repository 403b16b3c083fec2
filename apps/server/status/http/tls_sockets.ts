import { type Socket } from 'node:net';
import { type SecureContext, type TLSSocket } from 'node:tls';
import { type ServerIdentity } from '../../transport/transport';

/**
 * Makes TLS connections of accepted ones: TLS 1.3 with the server's certificate, for clients without one. There is no
 * resumption, as for agencies. `node:tls` is loaded with the first object.
 */
export class TlsSockets {
  private readonly tls = process.getBuiltinModule('node:tls');
  private identity: ServerIdentity | undefined;
  private context: SecureContext | undefined;

  /** @param current the present certificate: the same object until a change. It was checked by the listener of agencies. */
  constructor(private readonly current: () => ServerIdentity) {}

  /** The server's end of a TLS connection. The handshake begins with the first bytes of the client. */
  secure(socket: Socket): TLSSocket {
    return new this.tls.TLSSocket(socket, {
      isServer: true,
      secureContext: this.presentContext(),
      ALPNProtocols: ['http/1.1'],
    });
  }

  private presentContext(): SecureContext {
    const identity = this.current();
    if (this.context === undefined || identity !== this.identity) {
      const { constants } = process.getBuiltinModule('node:crypto');
      const { cert, key } = identity;
      const secureOptions = constants.SSL_OP_NO_TICKET;
      this.context = this.tls.createSecureContext({ cert, key, minVersion: 'TLSv1.3', secureOptions });
      this.identity = identity;
    }
    return this.context;
  }
}
