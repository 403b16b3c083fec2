import { expect } from 'chai';
import { type SocketError } from '../../../lib/index';
import { expectCode } from '../../support/rejection';
import { describeContract } from '../../support/stream_socket_contract';

describeContract(({ transport, connect }) => {
  it('the addresses are kept after the end', async () => {
    const { client, server } = await connect();
    const before = [client.localAddress, server.remoteAddress];
    await Promise.all([client.close(), server.close()]);
    expect([client.localAddress, server.remoteAddress]).to.deep.equal(before);
    if (transport.name === 'TCP') expect(before[0]).to.deep.equal(before[1]).and.to.have.property('port');
  });

  it('an error has the address of the peer, if there is one', async () => {
    const { client } = await connect();
    const error = (await expectCode(client.recvExactly(1, { timeoutMs: 0 }), 'TIMED_OUT')) as SocketError;
    expect(error.operation).to.equal('receive');
    if (transport.name === 'TCP') expect(error.message).to.match(/^receive from 127\.0\.0\.1:\d+: timed out/);
  });
});
