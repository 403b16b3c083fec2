import { type BufferOptions, TlvCodec, utf8Text } from '../../lib/index';
import { type Connection, type Transport, transports } from './transports';
import { turns } from './turns';

/** The codec of the cases with messages: values of up to 8192 bytes. */
export const codec = new TlvCodec(
  { typeBytes: 1, lengthBytes: 6, byteOrder: 'little-endian', maxValueBytes: 8192 },
  utf8Text,
);

export interface ContractFixture {
  readonly transport: Transport;
  /** Opens a connection. It is closed after the case. */
  readonly connect: (options?: BufferOptions) => Promise<Connection>;
}

/** Declares cases of the contract of a stream socket, once for each transport. */
export function describeContract(declareCases: (fixture: ContractFixture) => void): void {
  for (const transport of transports) {
    describe(`contract of a stream socket: ${transport.name}`, () => {
      let open: Connection[] = [];

      afterEach(async () => {
        const closing = open.flatMap(({ client, server }) => [client.close(), server.close()]);
        open = [];
        await Promise.all(closing);
      });

      declareCases({
        transport,
        connect: async (options) => {
          const connection = await transport.connect(options);
          open.push(connection);
          return connection;
        },
      });
    });
  }
}

/** Sends until the peer's buffers are full and a send waits; returns that send. */
export async function blockSending({ client, clientStream }: Connection): Promise<{ readonly blocked: Promise<void> }> {
  const block = Buffer.alloc(1 << 20, 'x');
  for (;;) {
    const blocked = client.sendAll(block);
    blocked.catch(() => undefined);
    let isSent = false;
    void blocked.then(
      () => (isSent = true),
      () => undefined,
    );
    for (let turn = 0; turn < 20 && !isSent; turn++) await turns(1);
    if (!isSent && clientStream.writableLength > 0) return { blocked };
  }
}
