import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { type SessionResponse } from '../../../../../apps/server/sessions/response_queue';
import { type SessionContext } from '../../../../../apps/server/sessions/session_context';
import { SessionProtocol } from '../../../../../apps/server/sessions/session_protocol';
import { textMessage } from '../../../../../apps/protocol/messages';
import { ProtocolError } from '../../../../../apps/protocol/protocol_error';
import { createMemoryLottery, type MemoryLottery } from '../../../../support/memory_lottery';
import { claimOf } from '../../../../support/claims';

const ROW = '1,Ana,Gómez,1,1999-03-17,42';
const digestOf = (...rows: string[]): string => {
  const text = rows.map((row) => `${row}\n`).join('');
  return `D ${rows.length}:${createHash('sha256').update(text).digest('hex')}`;
};

/** A session that does not end. */
const CONTEXT: SessionContext = {
  claim: undefined,
  ending: new AbortController().signal,
  throwIfEnding: () => {},
  supersede: async () => {},
  fail: () => {},
};

describe('the protocol of a session', () => {
  let lottery: MemoryLottery;
  let protocol: SessionProtocol;

  beforeEach(() => {
    lottery = createMemoryLottery();
    protocol = new SessionProtocol(lottery, CONTEXT, 1);
  });

  /** Sends `N1`, `F`, `B…`: a type and its value. Returns the responses, and the code of the refusal. */
  async function send(...messages: readonly string[]): Promise<string[]> {
    const responses: string[] = [];
    for (const text of messages) {
      try {
        responses.push(...(await read(await protocol.handle(textMessage(text[0]!, text.slice(1))))));
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        return [...responses, error.code];
      }
    }
    return responses;
  }

  async function read(responses: Iterable<SessionResponse>): Promise<string[]> {
    const texts: string[] = [];
    for (const response of responses) {
      const { type, value } = await response;
      texts.push(`${type} ${Buffer.from(value).toString('utf8')}`.trimEnd());
    }
    return texts;
  }

  async function finishOthers(): Promise<void> {
    for (const agency of [2, 3]) await lottery.tracker.finish(claimOf(agency));
  }

  /** The responses to each message in each phase of a session. */
  const OOO = ['out-of-order'];
  const order: [string, string[], Record<'N1' | 'B' | 'F' | 'A' | 'D', string[]>, boolean?][] = [
    ['at its beginning', [], { N1: ['O 0'], B: ['O 1'], F: ['unidentified'], A: ['unidentified'], D: OOO }],
    ['after its name', ['N1'], { N1: OOO, B: ['O 1'], F: ['O 0'], A: ['W 0/3'], D: [digestOf()] }],
    ['after a first batch', [`B${ROW}`], { N1: OOO, B: ['O 2'], F: ['O 1'], A: ['W 0/3'], D: [digestOf(ROW)] }],
    ['after more bets', ['N1', `B${ROW}`], { N1: OOO, B: ['O 2'], F: ['O 1'], A: ['W 0/3'], D: [digestOf(ROW)] }],
    ['after its finish', ['N1', 'F'], { N1: OOO, B: OOO, F: ['O 0'], A: ['W 1/3'], D: [digestOf()] }],
    ['after an early A', ['N1', 'A'], { N1: OOO, B: OOO, F: OOO, A: ['W 0/3'], D: [digestOf()] }],
    ['after its finish and an A', ['N1', 'F', 'A'], { N1: OOO, B: OOO, F: ['O 0'], A: ['W 1/3'], D: [digestOf()] }],
    ['after the R for the draw', ['N1', 'F', 'A'], { N1: ['O 0'], B: OOO, F: OOO, A: OOO, D: OOO }, true],
    ['after its winners', ['N1', 'F', 'A', 'N1'], { N1: OOO, B: OOO, F: OOO, A: OOO, D: OOO }, true],
  ];
  for (const [when, before, expected, isDrawn = false] of order) {
    for (const [text, answers] of Object.entries(expected)) {
      it(`${when}: ${text} is answered ${answers.join()}`, async () => {
        if (isDrawn) await finishOthers();
        await send(...before);
        expect(await send(text === 'B' ? `B${ROW}` : text)).to.deep.equal(answers);
      });
    }
  }

  const refusals: [string, string[], string][] = [
    ['a name that is no number', ['Nx'], 'bad-value'],
    ['no name', ['N'], 'bad-value'],
    ['a name with a leading zero', ['N01'], 'bad-value'],
    ['agency 0', ['N0'], 'unknown-agency'],
    ['an agency beyond the expected', ['N4'], 'unknown-agency'],
    ['a batch of such an agency', [`B4${ROW.slice(1)}`], 'unknown-agency'],
    ['another agency in a batch', ['N2', `B${ROW}`], 'wrong-agency'],
    ['a bad row', ['N1', `B${ROW}x`], 'bad-bet'],
    ['an empty batch', ['N1', 'B'], 'bad-bet'],
    ['an A with a value', ['N1', 'A?'], 'bad-value'],
    ['a D with a value', ['N1', 'D1'], 'bad-value'],
    ['an F with a text', ['N1', 'Fx'], 'bad-value'],
    ['an F with a leading zero', ['N1', 'F00'], 'bad-value'],
    ['another total', ['N1', `B${ROW}`, 'F2'], 'count-mismatch'],
    ['another total later', ['N1', `B${ROW}`, 'F1', 'F0'], 'count-mismatch'],
    ['a type of the server', ['O1'], 'bad-type'],
  ];
  for (const [what, messages, code] of refusals) {
    it(`${what} is ${code}`, async () => {
      expect((await send(...messages)).at(-1)).to.equal(code);
    });
  }

  it('answers B after its bets are stored, and F after all earlier bets are stored', async () => {
    let release = (): void => {};
    lottery.bets.beforeStoring = () => new Promise((resolve) => (release = resolve));
    await protocol.handle(textMessage('N', '1'));
    const stored = await protocol.handle(textMessage('B', ROW));
    let isFinished = false;
    const finishing = protocol.handle(textMessage('F', '1')).finally(() => (isFinished = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(isFinished).to.equal(false);
    expect(await lottery.tracker.hasFinished(1)).to.equal(false);
    release();
    expect(await read(await finishing)).to.deep.equal(['O 1']);
    expect(await read(stored)).to.deep.equal(['O 1']);
    expect(await lottery.tracker.hasFinished(1)).to.equal(true);
  });

  it('answers D with the digest of all rows before it, after they are stored, and changes nothing', async () => {
    let release = (): void => {};
    const other = ROW.replace('Ana', '"A, ""b"""');
    await send('N1', `B${ROW}`, `B"1",${other.slice(2)}`);
    expect(await send('D', 'D')).to.deep.equal([digestOf(ROW, other), digestOf(ROW, other)]);
    lottery.bets.beforeStoring = () => new Promise((resolve) => (release = resolve));
    const stored = await protocol.handle(textMessage('B', ROW));
    const asked = protocol.handle(textMessage('D'));
    await new Promise((resolve) => setImmediate(resolve));
    release();
    expect(await read(await asked)).to.deep.equal([digestOf(ROW, other, ROW)]);
    expect(await read(stored)).to.deep.equal(['O 3']);
    lottery.bets.beforeStoring = async () => {};
    expect(await send(`B${ROW}`, 'F4', 'D')).to.deep.equal(['O 4', 'O 4', digestOf(ROW, other, ROW, ROW)]);
  });

  it('does not wait for a digest after its end', async () => {
    const ending = new AbortController();
    const end = new Error('the session has ended');
    const throwIfEnding = (): void => {
      if (ending.signal.aborted) throw end;
    };
    protocol = new SessionProtocol(lottery, { ...CONTEXT, ending: ending.signal, throwIfEnding }, 1);
    await send('N1');
    let fail = (): void => {};
    lottery.bets.beforeDigest = () => new Promise((_, reject) => (fail = () => reject(new Error('late'))));
    const asked = protocol.handle(textMessage('D')).catch((error: unknown) => error);
    await new Promise((resolve) => setImmediate(resolve));
    ending.abort();
    expect(await asked).to.equal(end);
    fail();
  });

  it('does not finish with a wrong total', async () => {
    await send('N1', `B${ROW}`, 'F7');
    expect(await lottery.tracker.hasFinished(1)).to.equal(false);
  });

  it('takes the agency from a first batch', async () => {
    expect(await send(`B${ROW}`)).to.deep.equal(['O 1']);
    expect(protocol.agencyId).to.equal(1);
    expect(lottery.bets.rows).to.deep.equal([ROW]);
  });

  it("sends the agency's winners after a second N, and refuses the N of another agency", async () => {
    await finishOthers();
    const wrong = new SessionProtocol(lottery, CONTEXT, 1);
    expect(await send('N1', `B${ROW}\n${ROW.replace(',1,', ',2,')}`, 'F', 'A', 'N1')).to.deep.equal([
      'O 0',
      'O 2',
      'O 2',
      'R',
      'R 1,2',
      'O 2',
    ]);
    protocol = wrong;
    expect(await send('N1', 'A', 'N2')).to.deep.equal(['O 2', 'R', 'wrong-agency']);
  });

  it('logs batches with their size, and bets at DEBUG only', async () => {
    await send('N1', `B${ROW}\n${ROW}`);
    const lines = lottery.lines.map((line) => line.slice(20));
    expect(lines).to.include('INFO     action: apuesta_recibida | result: success | agency: 1 | cantidad: 2');
    const bet = 'DEBUG    action: apuesta_almacenada | result: success | dni: 1 | numero: 42';
    expect(lines.filter((line) => line === bet)).to.have.length(2);
    await send(`B${ROW}\n${ROW}x\n${ROW}`);
    expect(lottery.lines.at(-1)).to.match(
      /ERROR +action: apuesta_recibida \| result: fail \| agency: 1 \| cantidad: 3 \|/,
    );
  });
});
