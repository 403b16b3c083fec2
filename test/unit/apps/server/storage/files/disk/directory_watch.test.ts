import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { PeerSocket } from '../../../../../../../lib/index';
import { requireInPlace } from '../../../../../../../apps/server/storage/files/disk/directory_watch';
import { DiskDirectory, type StoreFile } from '../../../../../../../apps/server/storage/files/disk/file_system';
import { FileDrawRecord } from '../../../../../../../apps/server/storage/files/file_draw_record';
import { NEVER_STOPPED } from '../../../../../../../apps/server/domain/stop';
import { StoreHealth } from '../../../../../../../apps/server/storage/files/disk/store_health';
import { createMemoryLog } from '../../../../../../support/memory_lottery';
import { expectCode } from '../../../../../../support/rejection';
import { message } from '../../../../../../support/wire_client';
import { type DiskCall, DiskModel } from '../../../../../../torture/support/disk_model';
import { MemoryLottery } from '../../../../../../torture/support/memory_lottery';

describe('the check of the names of a store', () => {
  let above: string;
  let path: string;
  let directory: DiskDirectory;
  let files: StoreFile[];

  beforeEach(async () => {
    above = await mkdtemp(join(tmpdir(), 'watch-'));
    path = join(above, 'store');
    directory = new DiskDirectory(path);
    await directory.claim(NEVER_STOPPED);
    files = [await directory.create('one'), await directory.create('two')];
  });

  afterEach(async () => {
    for (const file of files) await file.close();
    await directory.release();
    await rm(above, { recursive: true, force: true });
  });

  async function expectFinding(problem: string): Promise<void> {
    const reported: Error[] = [];
    const health = new StoreHealth();
    health.onBroken((error) => reported.push(error));
    const error = await expectCode(requireInPlace(directory, health), 'STORE_BROKEN');
    expect(error.message).to.equal(problem);
    expect(await expectCode(requireInPlace(directory, health), 'STORE_BROKEN')).to.equal(error);
    expect(reported).to.deep.equal([error]);
  }

  const expectNoFinding = (): Promise<void> => requireInPlace(directory, new StoreHealth());

  it('accepts the opened files, also over a symbolic link and beside other files', async () => {
    await expectNoFinding();
    await writeFile(join(path, 'three'), '');
    await rename(path, `${path}-moved`);
    await symlink(`${path}-moved`, path);
    await expectNoFinding();
  });

  it('reports a directory without its name, or without that of its parent', async () => {
    await rename(above, `${above}-moved`);
    await expectFinding('the data directory is gone');
    await writeFile(above, '');
    await expectFinding('the data directory is gone');
    await rm(above);
    await rename(`${above}-moved`, above);
    await expectNoFinding();
  });

  it('reports another directory under the name', async () => {
    await rename(path, `${path}-moved`);
    await mkdir(path);
    await expectFinding('the data directory is not the one that was opened');
    await rm(path, { recursive: true });
    await symlink(above, path);
    await expectFinding('the data directory is not the one that was opened');
    await rm(path);
    await symlink(path, path);
    await expectFinding('the data directory is gone');
  });

  it('reports a missing file and a replaced file', async () => {
    await rename(join(path, 'two'), join(path, 'three'));
    await expectFinding('two is gone');
    await writeFile(join(path, 'two'), '');
    await expectFinding('two leads to another file');
    await rename(join(path, 'three'), join(path, 'two'));
    await expectNoFinding();
  });

  it('ignores closed files', async () => {
    const file = await directory.create('three');
    await file.close();
    await rm(join(path, 'three'));
    await expectNoFinding();
  });
});

describe('a server after the removal of its files', function () {
  this.timeout(10_000);
  const ROW = 'Ana,Paz,1,1999-03-17,7574';
  let disk: DiskModel;
  let server: MemoryLottery;

  beforeEach(() => {
    disk = new DiskModel();
    server = new MemoryLottery({ directory: disk, agencies: 1, logLevel: 'INFO' });
  });

  afterEach(async () => {
    disk.hold = () => undefined;
    await server.stop();
    expect(disk.openFiles).to.equal(0);
  });

  /** Holds the first call of that kind. Resolves once it is held, with the function that releases it. */
  function held(operation: DiskCall['operation'], file: string): Promise<() => void> {
    return new Promise((onHeld) => {
      disk.hold = (call) => {
        if (call.operation !== operation || call.file !== file) return undefined;
        disk.hold = () => undefined;
        return new Promise((release) => onHeld(release));
      };
    });
  }

  async function send(socket: PeerSocket, ...messages: readonly Buffer[]): Promise<void> {
    await socket.sendMany(messages);
  }

  async function receive(socket: PeerSocket): Promise<string> {
    const answer = await socket.recvFrame(7, (header) => 7 + header.readUIntLE(1, 6), { idleTimeoutMs: 5_000 });
    return answer === null ? 'end' : `${answer.toString('latin1', 0, 1)} ${answer.toString('utf8', 7)}`.trimEnd();
  }

  const logged = (part: string): number => server.log.filter((line) => line.includes(part)).length;

  async function requireEnd(problem: string): Promise<void> {
    expect(await server.ended).to.equal(1);
    expect(logged(`CRITICAL action: store | result: fail | error: ${problem} | dir: `)).to.equal(1);
    expect(logged('CRITICAL')).to.equal(1);
  }

  it('answers storage to a batch in flight at the discovery', async () => {
    const agency = new PeerSocket(await server.dial());
    await send(agency, message('N', '1'));
    expect(await receive(agency)).to.equal('O 0');
    const flush = held('flush', 'bets.csv');
    await send(agency, message('B', `1,${ROW}`));
    const release = await flush;
    disk.unlink('bets.csv');
    while (logged('CRITICAL') === 0) await delay(10);
    release();
    expect(await receive(agency)).to.equal('E storage: bets.csv is gone');
    await agency.lingeringClose({ timeoutMs: 1_000 });
    await requireEnd('bets.csv is gone');
  });

  it('answers storage to a batch with its mark in flight at the discovery', async () => {
    const agency = new PeerSocket(await server.dial());
    await send(agency, message('N', '1'));
    expect(await receive(agency)).to.equal('O 0');
    const mark = held('write', 'bets.mark');
    await send(agency, message('B', `1,${ROW}`));
    const release = await mark;
    disk.displace(false);
    while (logged('CRITICAL') === 0) await delay(10);
    release();
    expect(await receive(agency)).to.equal('E storage: the data directory is gone');
    await agency.lingeringClose({ timeoutMs: 1_000 });
    await requireEnd('the data directory is gone');
  });

  it('acknowledges no finish from that moment on', async () => {
    const agency = new PeerSocket(await server.dial());
    await send(agency, message('N', '1'), message('B', `1,${ROW}`));
    expect([await receive(agency), await receive(agency)]).to.deep.equal(['O 0', 'O 1']);
    disk.replace('bets.csv');
    await send(agency, message('F', '1'));
    expect(await receive(agency)).to.equal('E storage: bets.csv leads to another file');
    await agency.lingeringClose({ timeoutMs: 1_000 });
    await requireEnd('bets.csv leads to another file');
    expect(logged('action: finish')).to.equal(0);
  });

  it('holds no draw from that moment on', async () => {
    const agency = new PeerSocket(await server.dial());
    const record = held('flush', 'draw.journal');
    await send(agency, message('N', '1'), message('B', `1,${ROW}`), message('F', '1'), message('A'));
    expect([await receive(agency), await receive(agency), await receive(agency)]).to.deep.equal(['O 0', 'O 1', 'O 1']);
    const release = await record;
    disk.unlink('draw.journal');
    release();
    expect(await receive(agency)).to.equal('E storage: draw.journal is gone');
    await agency.lingeringClose({ timeoutMs: 1_000 });
    await requireEnd('draw.journal is gone');
    expect([logged('sorteo | result: success'), logged('sorteo | result: fail')]).to.deep.equal([0, 1]);
  });

  it('records no draw', async () => {
    const health = new StoreHealth();
    const other = new DiskModel();
    const record = new FileDrawRecord(other, createMemoryLog().log, health);
    await record.open(NEVER_STOPPED);
    await record.recover(NEVER_STOPPED);
    other.unlink('draw.journal');
    await expectCode(record.record({ number: 7574, agencies: 1 }), 'STORE_BROKEN');
    expect(record.heldTerms).to.equal(undefined);
    await record.close();
  });

  it('continues while the lookup fails, acknowledges no finish meanwhile, and logs one warning', async () => {
    disk.lookUpFault = 'EACCES';
    const agency = new PeerSocket(await server.dial());
    await send(agency, message('N', '1'), message('B', `1,${ROW}`), message('F', '1'));
    expect([await receive(agency), await receive(agency)]).to.deep.equal(['O 0', 'O 1']);
    expect(await receive(agency)).to.equal('E storage: the files of the store cannot be looked up');
    await agency.lingeringClose({ timeoutMs: 1_000 });
    // Two periodic checks take place.
    await delay(2_500);
    expect(logged('WARNING  action: watch_store | result: fail | error: the files of the store')).to.equal(1);
    disk.lookUpFault = undefined;
    const again = new PeerSocket(await server.dial());
    await send(again, message('N', '1'), message('F', '1'));
    expect([await receive(again), await receive(again)]).to.deep.equal(['O 1', 'O 1']);
    await again.lingeringClose({ timeoutMs: 1_000 });
    expect(await server.stop()).to.equal(0);
  });
});
