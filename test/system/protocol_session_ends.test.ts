import { expect } from 'chai';
import { bet, describeProtocol, expectRefusal } from '../support/protocol_server';
import { message } from '../support/wire_client';

describeProtocol(({ start, connect, storedRows }) => {
  describe('a second session of an agency', () => {
    beforeEach(() => start({ SERVER_WAIT_HOLD_MS: '10000' }));

    it('supersedes the first, which gets the error superseded', async () => {
      const first = await connect();
      await first.ask('N', '1');
      await first.ask('B', bet(1));
      const second = await connect();
      expect(await second.ask('N', '1')).to.equal('O 1');
      await expectRefusal(first, 'superseded');
      expect(await second.ask('B', bet(1, 2))).to.equal('O 2');
    });

    it('supersedes one whose A is held, and one that is in the middle of a batch', async () => {
      const first = await connect();
      first.write(message('N', '1'), message('A'));
      expect(await first.next()).to.equal('O 0');
      const second = await connect();
      second.write(message('N', '1'), message('B', bet(1)), message('B', bet(1, 2)).subarray(0, 12));
      expect([await second.next(), await second.next()]).to.deep.equal(['O 0', 'O 1']);
      await expectRefusal(first, 'superseded');
      const third = await connect();
      expect(await third.ask('N', '1')).to.equal('O 1');
      await expectRefusal(second, 'superseded');
      expect(await storedRows()).to.deep.equal([bet(1)]);
    });

    it('counts every bet that the first had in flight', async () => {
      const first = await connect();
      first.send('N', '1');
      await first.next();
      const batches = Array.from({ length: 200 }, (_, index) => message('B', bet(1, index)));
      first.write(...batches);
      const second = await connect();
      const stored = Number((await second.ask('N', '1')).slice(2));
      const answers = await first.rest();
      const acknowledged = answers.filter((answer) => answer.startsWith('O ')).length;
      expect(answers.at(-1)).to.match(/^E superseded/);
      expect(stored).to.equal(acknowledged);
      expect(await second.ask('B', bet(1, 7000))).to.equal(`O ${stored + 1}`);
      expect(await storedRows()).to.have.length(stored + 1);
    });

    it('supersedes the first by a first batch too', async () => {
      const first = await connect();
      await first.ask('N', '1');
      const second = await connect();
      expect(await second.ask('B', bet(1))).to.equal('O 1');
      await expectRefusal(first, 'superseded');
    });
  });

  describe('the clocks', () => {
    it('a message that is begun and not finished is a timeout', async () => {
      await start({ SERVER_MESSAGE_TIMEOUT_MS: '100', SERVER_IDLE_TIMEOUT_MS: '60000' });
      const agency = await connect();
      await agency.ask('N', '1');
      agency.write(message('B', bet(1)).subarray(0, 20));
      await expectRefusal(agency, 'timeout');
      expect(await storedRows()).to.deep.equal([]);
    });

    it('a silent session is a timeout, with a name or without', async () => {
      await start({ SERVER_IDLE_TIMEOUT_MS: '100' });
      const nameless = await connect();
      await expectRefusal(nameless, 'timeout');
      const named = await connect();
      expect(await named.ask('N', '1')).to.equal('O 0');
      await expectRefusal(named, 'timeout');
    });

    it('the idle clock stands still while a response is pending', async () => {
      await start({ SERVER_IDLE_TIMEOUT_MS: '100', SERVER_WAIT_HOLD_MS: '400' });
      const agency = await connect();
      agency.write(message('N', '1'), message('A'));
      expect([await agency.next(), await agency.next()]).to.deep.equal(['O 0', 'W 0/3']);
      await expectRefusal(agency, 'timeout');
    });
  });

  describe('its limits', () => {
    it('more sessions than it may hold are busy, until one has ended', async () => {
      const server = await start({ SERVER_MAX_SESSIONS: '1' });
      const first = await connect();
      await first.ask('N', '1');
      const second = await connect();
      await expectRefusal(second, 'busy');
      first.end();
      expect(await first.next()).to.equal('end');
      await server.line(/action: accept_connections \| result: fail/);
      // The place of the first session is free a moment after its end.
      for (;;) {
        const third = await connect();
        third.send('N', '2');
        const answer = await third.next();
        if (answer === 'O 0') break;
        expect(answer).to.match(/^E busy/);
        third.destroy();
      }
    });
  });

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    describe(`at ${signal}`, () => {
      it('sends shutting-down to every session, settles the batches in flight, and ends with 0', async () => {
        const server = await start({ SERVER_WAIT_HOLD_MS: '60000' });
        const silent = await connect();
        const waiting = await connect();
        waiting.write(message('N', '1'), message('B', bet(1)), message('F'), message('A'));
        for (const answer of ['O 0', 'O 1', 'O 1']) expect(await waiting.next()).to.equal(answer);
        const halfway = await connect();
        await halfway.ask('N', '2');
        halfway.write(message('B', bet(2)), message('B', bet(2, 2)).subarray(0, 9));
        expect(await halfway.next()).to.equal('O 1');
        const stopped = server.stop(signal);
        for (const connection of [silent, waiting, halfway]) await expectRefusal(connection, 'shutting-down');
        const { code, ms } = await stopped;
        expect(code, server.stderr).to.equal(0);
        expect(ms).to.be.below(3_000);
        expect(server.stderr).to.equal('');
        expect(server.lines.at(-1)).to.match(/action: exit \| result: success$/);
        expect(server.grep(/action: close_listener \| result: success/)).to.have.length(1);
        expect(server.grep(/action: close_session \| result: success/)).to.have.length(3);
        expect(server.grep(/action: close_store \| result: success/)).to.have.length(3);
        expect(await storedRows()).to.deep.equal([bet(1), bet(2)]);
      });

      it('does not wait for an agency that neither reads nor closes', async () => {
        const server = await start({ SERVER_WAIT_HOLD_MS: '60000' });
        const deaf = await connect();
        await deaf.ask('N', '1');
        deaf.socket.pause();
        const { code, ms } = await server.stop(signal);
        expect(code, server.stderr).to.equal(0);
        expect(ms).to.be.below(3_000);
        expect(server.lines.at(-1)).to.match(/action: exit \| result: success$/);
      });
    });
  }
});
