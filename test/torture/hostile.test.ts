import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Duplex } from 'node:stream';
import { expect } from 'chai';
import { DiskDirectory } from '../../apps/server/storage/files/disk/file_system';
import { formatCsvRow } from '../../apps/protocol/csv_row';
import { readReferenceBatch } from '../support/reference_batch';
import { header, message } from '../support/wire_client';
import { Campaign, sized } from './support/campaign';
import { DiskModel } from './support/disk_model';
import { MemoryLottery } from './support/memory_lottery';
import { type SeededRandom } from './support/seeded_random';
import { usedMegabytes } from './support/used_memory';

const AGENCIES = 5000;
const GROWTH_LIMIT_MB = 10;

/** A model of the protocol. It computes the answers to the bytes of a complete session; an `E` is its code only. */
class ProtocolModel {
  private readonly stored = new Map<number, number>();
  private readonly rows = new Map<number, string>();
  private readonly finished = new Set<number>();

  answersTo(bytes: Buffer): string[] {
    const answers: string[] = [];
    let agency: number | undefined;
    let isAsking = false;
    for (let at = 0; bytes.length - at >= 7;) {
      const type = String.fromCharCode(bytes[at]!);
      const length = bytes.readUIntLE(at + 1, 6);
      if (!'NBFAD'.includes(type)) return [...answers, 'bad-type'];
      if (length > 8192) return [...answers, 'too-long'];
      if (bytes.length - at < 7 + length) break;
      const value = bytes.subarray(at + 7, at + 7 + length);
      at += 7 + length;
      const refusal = this.refusalOf(type, value, agency, isAsking);
      if (refusal !== undefined) return [...answers, refusal];
      if (type === 'N') agency = Number(value.toString());
      if (type === 'B') {
        const batch = readReferenceBatch(value, agency) as { rows: string[][] };
        agency ??= Number(batch.rows[0]![0]);
        this.stored.set(agency, (this.stored.get(agency) ?? 0) + batch.rows.length);
        const rows = batch.rows.map((fields) => `${formatCsvRow(fields)}\n`).join('');
        this.rows.set(agency, (this.rows.get(agency) ?? '') + rows);
      }
      if (type === 'F') this.finished.add(agency!);
      isAsking ||= type === 'A';
      answers.push(this.answerTo(type, agency!));
    }
    return answers;
  }

  private answerTo(type: string, agency: number): string {
    if (type === 'A') return `W ${this.finished.size}/${AGENCIES}`;
    const stored = this.stored.get(agency) ?? 0;
    if (type !== 'D') return `O ${stored}`;
    const digest = createHash('sha256').update(this.rows.get(agency) ?? '');
    return `D ${stored}:${digest.digest('hex')}`;
  }

  private refusalOf(type: string, value: Buffer, agency: number | undefined, isAsking: boolean): string | undefined {
    const text = value.toString('utf8');
    if (type === 'N') {
      if (agency !== undefined) return 'out-of-order';
      if (!isCanonical(text)) return 'bad-value';
      return isExpected(Number(text)) ? undefined : 'unknown-agency';
    }
    if (type === 'B') {
      if (agency !== undefined && (this.finished.has(agency) || isAsking)) return 'out-of-order';
      const batch = readReferenceBatch(value, agency);
      if ('refused' in batch) return batch.refused;
      const named = Number(batch.rows[0]![0]);
      if (!isExpected(named)) return 'unknown-agency';
      if (agency === undefined && (this.stored.get(named) ?? 0) > 0) return 'unidentified';
      return this.finished.has(named) ? 'out-of-order' : undefined;
    }
    if (agency === undefined) return type === 'D' ? 'out-of-order' : 'unidentified';
    if (type === 'A' || type === 'D') return value.length > 0 ? 'bad-value' : undefined;
    const hasFinished = this.finished.has(agency);
    if (isAsking && !hasFinished) return 'out-of-order';
    if (text !== '' && !isCanonical(text)) return 'bad-value';
    return text !== '' && Number(text) !== (this.stored.get(agency) ?? 0) ? 'count-mismatch' : undefined;
  }
}

function isCanonical(text: string): boolean {
  return /^(?:0|[1-9][0-9]*)$/.test(text);
}

function isExpected(agency: number): boolean {
  return agency >= 1 && agency <= AGENCIES;
}

/** A nearly correct session with typical faults. */
function mutant(random: SeededRandom): Buffer {
  const id = random.between(1, AGENCIES);
  const messages: Buffer[] = [];
  if (!random.once(6)) messages.push(message('N', String(id)));
  for (let count = random.below(4); count > 0; count--) messages.push(message('B', batch(id, random)));
  if (random.once(3)) messages.push(message('F', random.pick(['', '0', '1', '2', '3', '03', '-1', '1e3', '９', ' 1'])));
  if (random.once(4)) messages.push(message('D', random.once(5) ? 'x' : ''));
  if (random.once(3)) messages.push(message('A', random.once(5) ? 'x' : ''));
  if (random.once(4))
    messages.push(message('N', random.pick([String(id), '0', '5001', '', '01', '18446744073709551616'])));
  if (random.once(5)) messages.splice(random.below(messages.length + 1), 0, oddMessage(random));
  const bytes = Buffer.concat(messages);
  return random.once(4) && bytes.length > 0 ? spoil(bytes, random) : bytes;
}

function batch(id: number, random: SeededRandom): string | Buffer {
  const names = [
    'Ana',
    'Ñandú',
    '王',
    '"a,b"',
    '"say ""hi"""',
    'a|b',
    '',
    ' ',
    'a"b',
    '"a\nb"',
    '\u2028',
    'x'.repeat(101),
  ];
  const row = (): string =>
    [
      random.once(20) ? random.pick(['0', '01', String(id + 1), '', 'x']) : id,
      random.once(3) ? random.pick(names) : 'Juan',
      random.once(6) ? random.pick(names) : 'Paz',
      random.once(12) ? random.pick(['', '1234567890123', '12a', '-1']) : random.below(1_000_000),
      random.once(12) ? random.pick(['2023-02-29', '0000-01-01', '2024-13-01', 'x']) : '1999-03-17',
      random.once(12) ? random.pick(['', '10000', '12345', '7x']) : random.below(10_000),
    ].join(',');
  const rows = Array.from({ length: random.between(random.once(15) ? 0 : 1, 3) }, row).join(
    random.once(9) ? '\r\n' : '\n',
  );
  const text = Buffer.from(rows + (random.once(5) ? '\n' : ''));
  return random.once(25) && text.length > 0 ? spoil(text, random) : text;
}

function oddMessage(random: SeededRandom): Buffer {
  const length = random.pick([0, 1, 8192, 8193, 2 ** 32, 2 ** 48 - 1]);
  const type = String.fromCharCode(
    random.once(2) ? random.below(256) : random.pick(['N', 'B', 'F', 'A', 'D']).charCodeAt(0),
  );
  const start = header('N', length);
  start[0] = type.charCodeAt(0);
  return Buffer.concat([start, length <= 8192 ? random.bytes(length) : random.bytes(random.below(20))]);
}

/** Replaces, removes, duplicates or inserts bytes. */
function spoil(bytes: Buffer, random: SeededRandom): Buffer {
  const at = random.below(bytes.length);
  const count = random.between(1, 4);
  const [before, behind] = [bytes.subarray(0, at), bytes.subarray(Math.min(bytes.length, at + count))];
  return random.pick([
    () => Buffer.concat([before, random.bytes(count), behind]),
    () => Buffer.concat([before, behind]),
    () => Buffer.concat([before, bytes.subarray(at, at + count), bytes.subarray(at)]),
    () => Buffer.concat([before, random.bytes(count), bytes.subarray(at)]),
    () => before,
  ])();
}

/** Sends the bytes and ends the stream. Returns all answers of the server, an `E` as its code. */
async function exchange(stream: Duplex, bytes: Buffer): Promise<string[]> {
  const chunks: Buffer[] = [];
  stream.end(bytes);
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
  const received = Buffer.concat(chunks);
  const answers: string[] = [];
  for (let at = 0; at < received.length;) {
    const end = at + 7 + received.readUIntLE(at + 1, 6);
    const [type, text] = [received.toString('latin1', at, at + 1), received.toString('utf8', at + 7, end)];
    answers.push(type === 'E' ? text.slice(0, text.indexOf(':')) : `${type} ${text}`);
    at = end;
  }
  return answers;
}

describe('torture: hostile input', function () {
  this.timeout(sized(90_000, 3_600_000));
  let directory: string;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'hostile-'));
  });

  after(async () => {
    await rm(directory, { recursive: true, force: true });
  });

  const open = (name: string, agencies = AGENCIES): MemoryLottery => {
    const server = new MemoryLottery({
      directory: new DiskDirectory(join(directory, name)),
      agencies,
      logLevel: 'CRITICAL',
    });
    return server;
  };

  const sources = {
    'structure-aware mutants of sessions': mutant,
    'random bytes': (random: SeededRandom): Buffer => random.bytes(random.below(200)),
  };

  for (const [kind, make] of Object.entries(sources)) {
    const mutants = new Campaign(`${kind}, each with the answers of the protocol`);

    it(`gets the answers of the protocol, and no memory remains in use: ${kind}`, async () => {
      const server = open(kind);
      const model = new ProtocolModel();
      const count = sized(4_000, 100_000);
      let before = 0;
      for (let number = 0; number < count; number++) {
        // By then, the server has its permanent records of most agencies.
        if (number === Math.floor(count / 4)) before = usedMegabytes();
        await mutants.run('mutant', async (random) => {
          const bytes = make(random);
          const expected = model.answersTo(bytes);
          expect(await exchange(await server.dial(), bytes), JSON.stringify(bytes.toString('latin1'))).to.deep.equal(
            expected,
          );
        });
      }
      const growth = usedMegabytes() - before;
      mutants.note(`memory in use grew by ${growth.toFixed(1)} MB`);
      expect(growth).to.be.below(GROWTH_LIMIT_MB);
      expect(await server.stop()).to.equal(0);
    });
  }

  describe('single messages', () => {
    const singles = new Campaign(
      'every type and the lengths 0, 8192, 8193, 2^32, 2^48-1; text that is not UTF-8; log lines',
    );

    it('are refused by their header for an unknown type or an excessive length', async () => {
      const server = open('singles');
      for (let type = 0; type < 256; type++) {
        for (const length of [0, 8192, 8193, 2 ** 32, 2 ** 48 - 1]) {
          await singles.run(`type ${type}, length ${length}`, async () => {
            const bytes = header('N', length);
            bytes[0] = type;
            // The value of a refused header is not sent: the refusal must not wait for it.
            const value =
              length <= 8192 && 'NBFAD'.includes(String.fromCharCode(type))
                ? Buffer.alloc(length, 0xff)
                : Buffer.alloc(0);
            const expected = new ProtocolModel().answersTo(Buffer.concat([bytes, value]));
            expect(expected).to.have.lengthOf(1);
            expect(await exchange(await server.dial(), Buffer.concat([bytes, value]))).to.deep.equal(expected);
          });
        }
      }
      expect(await server.stop()).to.equal(0);
    });

    it('keep the lines of the log intact for any character of a field', async () => {
      const disk = new DiskModel();
      const server = new MemoryLottery({ directory: disk, agencies: 5, logLevel: 'DEBUG' });
      const names = ['a\nb', 'a\rb', 'a|b', 'a\u2028b', 'a\u0085b', '\u001b[31m', 'x | result: success'];
      for (const name of names) {
        await singles.run(`a name with ${JSON.stringify(name)}`, async () => {
          await exchange(
            await server.dial(),
            Buffer.concat([message('N', '1'), message('B', `1,"${name}",${name},1,1999-03-17,7`)]),
          );
          await exchange(await server.dial(), Buffer.concat([message('N', name), message('F', name)]));
        });
      }
      await server.stop();
      for (const line of server.log) {
        expect(line).to.match(
          /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [A-Z]+ +action: [a-z_]+ \| result: [a-z_]+(?: \| [a-z_]+: [^|\n\r\u2028\u2029\u0085]*)*\n$/,
        );
      }
    });
  });

  describe('tiny batches', () => {
    const tiny = new Campaign('batches of one bet, pipelined');

    it('are stored, a million of them, and a start reads them again', async () => {
      const count = sized(20_000, 1_000_000);
      const server = open('tiny', 2);
      const stream = await server.dial();
      const bet = message('B', '1,Ana,Paz,1,1999-03-17,7');
      const burst = Buffer.concat(Array.from({ length: 1000 }, () => bet));
      let received = Buffer.alloc(0);
      let last = -1;
      let answers = 0;
      const done = new Promise<void>((resolve, reject) => {
        stream.on('error', reject);
        stream.on('data', (chunk: Buffer) => {
          received = Buffer.concat([received, chunk]);
          let at = 0;
          while (received.length - at >= 7 && received.length - at >= 7 + received[at + 1]!) {
            const end = at + 7 + received[at + 1]!;
            last = Number(received.toString('latin1', at + 7, end));
            if (received[at] !== 0x4f || last !== answers++)
              reject(new Error(`${received.toString('latin1', at, end)} for batch ${answers}`));
            at = end;
          }
          received = received.subarray(at);
          if (answers === count + 1) resolve();
        });
      });
      const begun = performance.now();
      stream.write(message('N', '1'));
      for (let sent = 0; sent < count; sent += 1000) {
        if (!stream.write(burst)) await Promise.race([new Promise((resolve) => stream.once('drain', resolve)), done]);
      }
      await done;
      tiny.count(count);
      tiny.note(`${Math.round((count / (performance.now() - begun)) * 1000)} a second`);
      stream.destroy();
      expect(await server.stop()).to.equal(0);

      const again = performance.now();
      const next = open('tiny', 2);
      const answersAfter = await exchange(await next.dial(), message('N', '1'));
      expect(answersAfter).to.deep.equal([`O ${count}`]);
      tiny.note(`a start on them takes ${Math.round(performance.now() - again)} ms`);
      expect(await next.stop()).to.equal(0);
    });
  });
});
