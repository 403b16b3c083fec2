import { unpackTar } from 'modern-tar';
import { expect } from 'chai';
import { archiveOf } from '../../../../../../../apps/server/storage/files/backup/backup_archive';
import { type SnapshotFile } from '../../../../../../../apps/server/storage/files/backup/store_snapshot';

const MIB = 1_048_576;

/** A file whose reader uses one buffer for all its pieces, as that of a store does. */
function fileOf(name: string, content: Buffer, pieceBytes = MIB): SnapshotFile {
  const piece = Buffer.alloc(pieceBytes);
  return {
    name,
    size: content.length,
    async *read() {
      for (let at = 0; at < content.length; at += pieceBytes) {
        const bytes = content.copy(piece, 0, at, at + pieceBytes);
        yield piece.subarray(0, bytes);
        piece.fill(0);
      }
    },
  };
}

async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

describe('the tar archive of a backup', () => {
  it('has each file with its content, time and mode, also an empty one and one of many pieces', async () => {
    const large = Buffer.alloc(3 * MIB + 17, 'abcdefg');
    const contents = { 'draw.journal': Buffer.alloc(0), 'bets.mark': Buffer.from('x'.repeat(512)), 'bets.csv': large };
    const mtime = new Date('2026-01-31T12:00:00Z');
    const files = Object.entries(contents).map(([name, content]) => fileOf(name, content, 100_000));
    const archive = await collect(archiveOf(files, mtime));
    expect(archive.length % 512).to.equal(0);
    const entries = await unpackTar(archive);
    expect(entries.map(({ header }) => [header.name, header.mode, header.mtime, header.size])).to.deep.equal(
      Object.entries(contents).map(([name, content]) => [name, 0o600, mtime, content.length]),
    );
    for (const { header, data } of entries) {
      const expected = contents[header.name as keyof typeof contents];
      expect(Buffer.from(data!).equals(expected), header.name).to.equal(true);
    }
  });

  it('ends with the error of a file that cannot be read', async () => {
    const failure = new Error('the disk failed');
    const broken: SnapshotFile = {
      name: 'bets.csv',
      size: 10,
      async *read() {
        yield Buffer.from('12345');
        throw failure;
      },
    };
    const error = await collect(archiveOf([fileOf('bets.mark', Buffer.from('m')), broken])).catch(
      (cause: unknown) => cause,
    );
    expect(error).to.equal(failure);
  });

  it('reads no further than some MiB ahead of its reader, and not at all after the end of its reader', async () => {
    let read = 0;
    const endless: SnapshotFile = {
      name: 'bets.csv',
      size: 1000 * MIB,
      async *read() {
        for (; read < 1000; read++) yield Buffer.alloc(MIB);
      },
    };
    const archive = archiveOf([endless]);
    await archive.next();
    // Every turn that the reading could use.
    for (let turn = 0; turn < 200; turn++) await new Promise(setImmediate);
    expect(read).to.be.within(1, 20);
    await archive.return(undefined);
    const atEnd = read;
    for (let turn = 0; turn < 200; turn++) await new Promise(setImmediate);
    expect(read - atEnd).to.be.at.most(1);
  });
});
