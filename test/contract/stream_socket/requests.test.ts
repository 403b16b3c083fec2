import { expect } from 'chai';
import { RequestChannel, serveRequests } from '../../../lib/index';
import { expectCode } from '../../support/rejection';
import { framedPair, textProtocol } from '../../support/request_pair';
import { describeContract } from '../../support/stream_socket_contract';
import { turns } from '../../support/turns';

describeContract(({ connect }) => {
  describe('requests', () => {
    it('a thousand calls at a time get their own responses, in any order', async () => {
      const connection = await connect();
      const { client, server } = framedPair([connection.client, connection.server]);
      const handler = async (text: string): Promise<string> => {
        await turns(Number(text) % 7);
        return `${text} back`;
      };
      const serving = serveRequests(server, textProtocol, handler, { maxConcurrent: 50 });
      const channel = new RequestChannel(client, textProtocol, { maxInFlight: 100 });
      const requests = Array.from({ length: 1000 }, (_, index) => String(index));
      const responses = await Promise.all(requests.map((request) => channel.call(request, { timeoutMs: 20_000 })));
      expect(responses).to.deep.equal(requests.map((request) => `${request} back`));
      await client.socket.shutdownWrite();
      await serving;
    });

    it('the loss of the connection fails the calls, and stops the handlers', async () => {
      const connection = await connect();
      const { client, server } = framedPair([connection.client, connection.server]);
      let begin = (): void => {};
      const begun = new Promise<void>((resolve) => (begin = resolve));
      const handler = (_text: string, signal: AbortSignal): Promise<string> =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new Error('stopped')));
          begin();
        });
      const serving = expectCode(serveRequests(server, textProtocol, handler), 'CONNECTION_LOST');
      const channel = new RequestChannel(client, textProtocol);
      const call = expectCode(channel.call('one'), 'CALL_LOST');
      await begun;
      connection.clientStream.destroy(new Error('the cable was cut'));
      connection.serverStream.destroy(new Error('the cable was cut'));
      expect((await call).message).to.match(/: no response: receive.*: the connection was lost .*the cable was cut/);
      await serving;
    });
  });
});
