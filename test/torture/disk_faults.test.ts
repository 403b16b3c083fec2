import { expect } from 'chai';
import { Campaign, sized } from './support/campaign';
import { type DiskCall, type DiskFault, DiskModel } from './support/disk_model';
import { MemoryLottery } from './support/memory_lottery';
import { requireComplete, requireKept } from './support/oracle';
import { type RecordingAgency } from './support/recording_agency';
import { SeededRandom } from './support/seeded_random';
import { dialUntilTheEnd, recollect, runToTheEnd, smallAgencies } from './support/small_run';

const FAULTS: readonly { readonly name: string; readonly fault: DiskFault }[] = [
  { name: 'ENOSPC', fault: { kind: 'error', code: 'ENOSPC' } },
  { name: 'EIO', fault: { kind: 'error', code: 'EIO' } },
  { name: 'a write of no byte', fault: { kind: 'short', bytes: 0 } },
  { name: 'a write of 1 byte', fault: { kind: 'short', bytes: 1 } },
  { name: 'a write of 40 bytes', fault: { kind: 'short', bytes: 40 } },
];

/** Calls that begin the store, or that only reading does: when one fails the server does not start. */
const BEGINNING = ['claim', 'open', 'read', 'size', 'create', 'flush directory'];

/** One finishes while the other uploads. */
function unequalAgencies(): RecordingAgency[] {
  return [...smallAgencies(1, { bets: 9 }), ...smallAgencies(2, { bets: 3 }).slice(1)];
}

/** What became of a lottery whose disk said no. */
interface Outcome {
  readonly disk: DiskModel;
  readonly agencies: readonly RecordingAgency[];
  readonly hit: DiskCall | undefined;
  readonly server: MemoryLottery;
  readonly code: number;
}

/** Runs a small lottery on a disk with faults, until the agencies are done or the server has ended. */
async function runWithFaults(
  fault: DiskModel['fault'],
  disk = new DiskModel(),
  agencies: readonly RecordingAgency[] = unequalAgencies(),
): Promise<Outcome> {
  let hit: DiskCall | undefined;
  disk.fault = (call) => {
    const found = fault(call);
    if (found !== undefined) hit ??= call;
    return found;
  };
  const server = new MemoryLottery({ directory: disk, agencies: agencies.length });
  const uploads = Promise.all(agencies.map((agency) => agency.run(() => dialUntilTheEnd(server))));
  uploads.catch(() => {});
  await Promise.race([uploads, server.ended.catch(() => {})]);
  const code = await server.stop();
  await uploads.catch(() => {});
  expect(disk.openFiles, 'files left open').to.equal(0);
  return { disk, agencies, hit, server, code };
}

/** A process that starts after this one, on a disk that works again: it keeps all promises and comes to the end. */
async function requireRecovers(outcome: Outcome): Promise<void> {
  const { disk, agencies } = outcome;
  requireKept(disk.kernelImage().get('bets.csv')?.subarray(0, wholeCommits(disk)), agencies);
  await requireNextGoesOn(outcome);
}

async function requireNextGoesOn({ disk, agencies }: Outcome): Promise<void> {
  const next = disk.freeze();
  const rested = agencies.map(recollect);
  await runToTheEnd(next, rested);
  // And so does one that starts after a power cut: what the kernel still showed was made durable.
  await runToTheEnd(new DiskModel(next.durableImage()), rested.map(recollect));
}

/** A failed run may leave part of a batch behind the last commit; the journal tells where that ended. */
function wholeCommits(disk: DiskModel): number {
  const lines = disk.kernelImage().get('bets.journal')?.toString().split('\n').slice(1, -1) ?? [];
  return Number(lines.at(-1)?.split(' ')[3] ?? 0);
}

describe('torture: the disk says no', function () {
  this.timeout(sized(60_000, 600_000));
  const once = new Campaign('a fault at the k-th call, for every k');
  const lasting = new Campaign('a full disk from the k-th write on, with room again after some refusals');
  const twice = new Campaign('a write that fails, and cannot be taken back');
  const starts = new Campaign('a fault at the k-th call of a start on what a crash left, for every k');

  async function countCalls(): Promise<readonly DiskCall[]> {
    const { disk, code } = await runWithFaults(() => undefined);
    expect(code).to.equal(0);
    return disk.calls;
  }

  it('keeps what was acknowledged, whichever call fails in whichever way', async () => {
    for (const { index, operation } of await countCalls()) {
      for (const { name, fault } of FAULTS) {
        if (fault.kind === 'short' && operation !== 'write') continue;
        await once.run(`${name} at call ${index}, ${operation}`, async () => {
          const outcome = await runWithFaults((call) => (call.index === index ? fault : undefined));
          requireRightEnd(outcome, fault);
          await requireRecovers(outcome);
        });
      }
    }
  });

  /** A failed write costs a batch its try; a failed flush, truncation or start costs the server its life. */
  function requireRightEnd({ hit, code, agencies, server, disk }: Outcome, fault: DiskFault): void {
    if (hit === undefined) return;
    const isAtStart = BEGINNING.includes(hit.operation) || agencies.every(({ acknowledged }) => acknowledged === 0);
    const isFatal = hit.operation === 'flush' || hit.operation === 'truncate';
    const storageErrors = agencies.flatMap(({ errors }) => errors.filter((text) => text.startsWith('storage: ')));
    if (isFatal && !isAtStart) {
      expect(code, server.log.join('')).to.equal(1);
      const after = disk.calls.slice(hit.index + 1).filter(({ operation }) => operation === 'flush');
      // bets.csv and bets.journal are flushed at the same time.
      const together = hit.operation === 'flush' && hit.file === 'bets.csv' ? ['bets.journal'] : [];
      expect(
        after.map(({ file }) => file),
        `flushes behind a failed one of ${hit.file}`,
      ).to.deep.equal(together);
    }
    if (hit.operation === 'write' && !isAtStart) {
      expect(code, server.log.join('')).to.equal(0);
      requireComplete(disk.kernelImage().get('bets.csv'), agencies);
      const isStored = (fault.kind === 'short' && fault.bytes > 0) || hit.file === 'bets.mark';
      if (isStored) expect(storageErrors).to.deep.equal([]);
      // A draw that is not stored is held again for whoever asks for it next.
      else if (hit.file !== 'draw.journal') expect(storageErrors).to.have.length.of.at.least(1);
    }
  }

  it('answers storage while the disk is full, and goes on when there is room again', async () => {
    const calls = await countCalls();
    const writes = calls.filter(({ operation, file }) => operation === 'write' && file !== 'bets.mark').slice(1);
    for (const { index } of writes) {
      for (const refusals of [2, 5, 20]) {
        await lasting.run(`from call ${index} on, ${refusals} refusals`, async () => {
          let left = refusals;
          const outcome = await runWithFaults(({ index: at, operation, file }) => {
            if (at < index || operation !== 'write' || file === 'bets.mark' || left === 0) return undefined;
            left--;
            // A part of it still finds room.
            return left % 2 === 0 ? { kind: 'error', code: 'ENOSPC' } : { kind: 'short', bytes: 17 };
          });
          if (outcome.code !== 0 && outcome.agencies.some(({ acknowledged }) => acknowledged > 0)) {
            throw new Error(`the server ended with ${outcome.code}: ${outcome.server.log.join('')}`);
          }
          await requireRecovers(outcome);
        });
      }
    }
  });

  it('ends with exit code 1 where a failed write cannot be taken back', async () => {
    const calls = await countCalls();
    const writes = calls.filter(({ operation, file }) => operation === 'write' && file !== 'bets.mark').slice(1);
    for (const { index } of writes) {
      await twice.run(`call ${index} and its roll-back`, async () => {
        const outcome = await runWithFaults(({ index: at, operation }) => {
          if (at === index || (at > index && operation === 'truncate')) return { kind: 'error', code: 'EIO' };
          return undefined;
        });
        expect(outcome.code, outcome.server.log.join('')).to.equal(1);
        await requireRecovers(outcome);
      });
    }
  });

  it('refuses to start, or starts in order, whichever call of a start on a torn store fails', async () => {
    for (const { disk, agencies, name } of await tornStores()) {
      const { calls } = await runWithFaults(() => undefined, disk.freeze(), agencies.map(recollect)).then(
        (outcome) => outcome.disk,
      );
      const count = calls.findIndex(({ operation, file }) => operation === 'write' && file === 'finished.journal');
      for (let index = 0; index < (count === -1 ? calls.length : count); index++) {
        const { operation } = calls[index]!;
        for (const { name: kind, fault } of FAULTS) {
          if (fault.kind === 'short' && operation !== 'write') continue;
          await starts.run(`${name}: ${kind} at call ${index}, ${operation}`, async () => {
            const again = (call: DiskCall): DiskFault | undefined => (call.index === index ? fault : undefined);
            const outcome = await runWithFaults(again, disk.freeze(), agencies.map(recollect));
            expect(outcome.code).to.be.oneOf([0, 1]);
            await requireNextGoesOn(outcome);
          });
        }
      }
    }
  });

  /** What power cuts leave of a small run, each with what its agencies had heard. */
  async function tornStores(): Promise<{ disk: DiskModel; agencies: RecordingAgency[]; name: string }[]> {
    const agencies = smallAgencies(2, { bets: 6 });
    const disk = new DiskModel();
    const looks: { frozen: DiskModel; heard: RecordingAgency[] }[] = [];
    disk.onStep = () => looks.push({ frozen: disk.freeze(), heard: agencies.map(recollect) });
    await runToTheEnd(disk, agencies);
    const random = new SeededRandom(1);
    return looks
      .map(({ frozen, heard }, step) => {
        return {
          disk: new DiskModel(frozen.powerCutImage(random)),
          agencies: heard,
          name: `power cut at step ${step}`,
        };
      })
      .filter((_, step) => step % sized(40, 2) === 0);
  }
});
