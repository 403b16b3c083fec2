import { expect } from 'chai';
import { type SinonFakeTimers, useFakeTimers } from 'sinon';
import { bet, MemorySessions } from '../../../../support/memory_sessions';
import { turns } from '../../../../support/turns';
import { message } from '../../../../support/wire_client';

describe('a session', () => {
  let sessions: MemorySessions;

  beforeEach(() => {
    sessions = new MemorySessions();
  });

  afterEach(() => sessions.close());

  describe('and its clocks', () => {
    let clock: SinonFakeTimers;

    beforeEach(() => {
      clock = useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    });

    afterEach(() => {
      clock.restore();
    });

    /** Lets time pass, and then the event loop. */
    async function pass(ms: number): Promise<void> {
      await turns(10);
      await clock.tickAsync(ms);
      await turns(10);
    }

    it('the idle clock runs from the last response on', async () => {
      const agency = sessions.connect();
      await pass(59_000);
      agency.write(message('N', '1'));
      expect(await agency.next()).to.equal('O 0');
      await pass(59_900);
      expect(agency.session.ending.aborted).to.equal(false);
      await pass(200);
      expect(agency.session.ending.aborted).to.equal(true);
      expect(await agency.rest()).to.match(/^E timeout: /);
    });

    it('the idle clock stands still while a response is pending', async () => {
      const store = sessions.holdStore();
      const agency = sessions.connect();
      agency.write(message('N', '1'), message('B', bet(1)));
      expect(await agency.next()).to.equal('O 0');
      await pass(600_000);
      expect(agency.session.ending.aborted).to.equal(false);
      store.release();
      expect(await agency.next()).to.equal('O 1');
      await pass(59_000);
      expect(agency.session.ending.aborted).to.equal(false);
      await pass(1_100);
      expect(await agency.rest()).to.match(/^E timeout: /);
    });

    it('the idle clock stands still while an A is held', async () => {
      const agency = sessions.connect({ longPollMs: 300_000 });
      agency.write(message('N', '1'), message('A'));
      expect(await agency.next()).to.equal('O 0');
      await pass(299_000);
      expect(agency.session.ending.aborted).to.equal(false);
      await pass(1_000);
      expect(await agency.next()).to.equal('W 0/3');
      await pass(59_000);
      expect(agency.session.ending.aborted).to.equal(false);
      await pass(1_100);
      expect(await agency.rest()).to.match(/^E timeout: /);
    });

    it('a trickle of bytes does not restart the clock of a message', async () => {
      const agency = sessions.connect();
      const bytes = message('N', '1');
      for (let index = 0; index < 4; index++) {
        agency.write(bytes.subarray(index, index + 1));
        await pass(2_400);
        expect(agency.session.ending.aborted, `after byte ${index + 1}`).to.equal(false);
      }
      agency.write(bytes.subarray(4, 5));
      await pass(500);
      expect(await agency.rest()).to.match(/^E timeout: /);
    });

    it('it lingers for 5 s where the agency does not end', async () => {
      const agency = sessions.connect();
      agency.write(message('X'));
      expect(await agency.next()).to.match(/^E bad-type/);
      let hasEnded = false;
      void agency.ended.then(() => (hasEnded = true));
      await pass(4_900);
      expect(hasEnded).to.equal(false);
      await pass(200);
      expect(hasEnded).to.equal(true);
    });
  });
});
