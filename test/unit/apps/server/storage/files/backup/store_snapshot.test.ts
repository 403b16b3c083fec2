import { expect } from 'chai';
import { NEVER_STOPPED } from '../../../../../../../apps/server/domain/stop';
import { StoreDamagedError, StoreLocationError } from '../../../../../../../apps/server/domain/store_errors';
import { takeSnapshot } from '../../../../../../../apps/server/storage/files/backup/store_snapshot';
import { DiskModel } from '../../../../../../torture/support/disk_model';
import { runToTheEnd, smallAgencies } from '../../../../../../torture/support/small_run';

describe('a snapshot of a store', () => {
  let disk: DiskModel;

  beforeEach(async () => {
    disk = new DiskModel();
    await runToTheEnd(disk, smallAgencies(2));
  });

  it('has the files of a store at rest, and the number of bets of each agency', async () => {
    const snapshot = await takeSnapshot(disk, NEVER_STOPPED);
    const stored = disk.kernelImage();
    for (const file of snapshot.files) {
      const pieces: Uint8Array[] = [];
      for await (const piece of file.read()) pieces.push(Uint8Array.from(piece));
      const content = Buffer.concat(pieces);
      expect(content).to.have.length(file.size);
      if (file.name !== 'bets.mark') expect(content, file.name).to.deep.equal(stored.get(file.name));
    }
    expect(snapshot.files.map(({ name }) => name)).to.have.members(Array.from(stored.keys()));
    expect(Array.from(snapshot.counts)).to.have.deep.members([
      [1, 7],
      [2, 7],
    ]);
    await snapshot.close();
    expect(disk.openFiles).to.equal(0);
  });

  it('is refused without a store, with a part of one, and if the reading fails: no file stays open', async () => {
    const failureOf = (source: DiskModel) => takeSnapshot(source, NEVER_STOPPED).catch((error: unknown) => error);
    expect(await failureOf(new DiskModel()))
      .to.be.instanceOf(StoreLocationError)
      .with.property('message', 'it holds no bets');

    disk.fault = ({ operation, file }) =>
      operation === 'read' && file === 'bets.csv' ? { kind: 'error', code: 'EIO' } : undefined;
    expect(await failureOf(disk)).to.have.property('code', 'EIO');
    disk.fault = () => undefined;

    disk.unlink('bets.mark');
    expect(await failureOf(disk))
      .to.be.instanceOf(StoreDamagedError)
      .with.property('message', 'missing: bets.mark');
    expect(disk.openFiles).to.equal(0);
  });

  it('is taken again if its store is replaced while its files are opened', async () => {
    let opened = 0;
    const replacing = {
      entry: (name: string) => disk.entry(name),
      async open(name: string) {
        // As a new draw and a new server do.
        if (++opened === 3) disk.replace('draw.journal');
        return disk.open(name);
      },
    };
    const snapshot = await takeSnapshot(replacing, NEVER_STOPPED);
    expect(opened).to.equal(12);
    await snapshot.close();
    expect(disk.openFiles).to.equal(0);
  });

  it('gives up a store that is replaced again and again', async () => {
    const replacing = {
      entry: (name: string) => disk.entry(name),
      async open(name: string) {
        disk.replace('draw.journal');
        return disk.open(name);
      },
    };
    const error = await takeSnapshot(replacing, NEVER_STOPPED).catch((cause: unknown) => cause);
    expect(error)
      .to.be.instanceOf(StoreDamagedError)
      .with.property('message', 'replaced during the reading: draw.journal');
    expect(disk.openFiles).to.equal(0);
  });
});
