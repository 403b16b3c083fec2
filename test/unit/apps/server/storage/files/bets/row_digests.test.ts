import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { RowDigests } from '../../../../../../../apps/server/storage/files/bets/row_digests';
import { type StoreFile } from '../../../../../../../apps/server/storage/files/disk/file_system';
import { expectCode } from '../../../../../../support/rejection';

/** A file in memory that records the ranges read. */
class RecordedFile implements StoreFile {
  readonly ranges: [number, number][] = [];
  beforeRead: () => Promise<void> = async () => {};

  constructor(public bytes: Buffer) {}

  async read(target: Uint8Array, position: number): Promise<number> {
    await this.beforeRead();
    const count = this.bytes.copy(target, 0, position, position + target.length);
    if (count > 0) this.ranges.push([position, position + count]);
    return count;
  }

  write = async (): Promise<number> => Promise.reject(new Error('a digest writes nothing'));
  sync = async (): Promise<void> => {};
  truncate = async (): Promise<void> => {};
  size = async (): Promise<number> => this.bytes.length;
  close = async (): Promise<void> => {};
}

/** Rows of the agencies 1, 11 and 2, in runs of changing length. */
function makeRows(count: number): string[] {
  return Array.from({ length: count }, (_, row) => {
    const agency = [1, 11, 2][Math.floor(row / ((row % 5) + 1)) % 3]!;
    return `${agency},Ñandú,"Paz, ""h""",${row},1999-03-17,${row % 10_000}\n`;
  });
}

function digestOf(rows: readonly string[], agency: number) {
  const own = rows.filter((row) => row.startsWith(`${agency},`));
  return { count: own.length, digest: createHash('sha256').update(own.join('')).digest('hex') };
}

describe('the digests of the rows in bets.csv', () => {
  it('are those of each agency, over many pieces, and each byte is read once', async () => {
    const rows = makeRows(60_000);
    const bytes = Buffer.from(rows.join(''));
    const file = new RecordedFile(bytes.subarray(0, Buffer.byteLength(rows.slice(0, 40_000).join(''))));
    const digests = new RowDigests();
    const agencies = [1, 11, 2, 7];
    const first = await Promise.all(agencies.map((agency) => digests.of(agency, file, file.bytes.length)));
    expect(first).to.deep.equal(agencies.map((agency) => digestOf(rows.slice(0, 40_000), agency)));
    file.bytes = bytes;
    const second = await Promise.all(agencies.map((agency) => digests.of(agency, file, bytes.length)));
    expect(second).to.deep.equal(agencies.map((agency) => digestOf(rows, agency)));
    expect(file.ranges.length).to.be.at.least(3);
    let end = 0;
    for (const [start, next] of file.ranges) {
      expect(start).to.equal(end);
      end = next;
    }
    expect(end).to.equal(bytes.length);
  });

  it('continue after a failed reading', async () => {
    const rows = makeRows(60_000);
    const file = new RecordedFile(Buffer.from(rows.join('')));
    const digests = new RowDigests();
    let reads = 0;
    file.beforeRead = async () => {
      if (++reads === 2) throw Object.assign(new Error('the disk failed'), { code: 'EIO' });
    };
    await expectCode(digests.of(2, file, file.bytes.length), 'EIO');
    expect(await digests.of(2, file, file.bytes.length)).to.deep.equal(digestOf(rows, 2));
  });

  it('refuse a file that is shorter than its commits', async () => {
    const file = new RecordedFile(Buffer.from(makeRows(10).join('')));
    await expectCode(new RowDigests().of(1, file, file.bytes.length + 1), 'STORE_DAMAGED');
  });

  it('end with the close of the store', async () => {
    const file = new RecordedFile(Buffer.from(makeRows(60_000).join('')));
    const digests = new RowDigests();
    let release = (): void => {};
    file.beforeRead = () => new Promise((resolve) => (release = resolve));
    const asked = digests.of(1, file, file.bytes.length).then(
      () => 'a digest',
      (error: { code: string }) => error.code,
    );
    const closed = digests.close();
    release();
    await closed;
    expect(await asked).to.equal('STORE_STOPPED');
    expect(file.ranges).to.have.length(1);
  });
});
