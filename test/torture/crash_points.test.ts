import { expect } from 'chai';
import { Campaign, sized } from './support/campaign';
import { type DiskImage, DiskModel } from './support/disk_model';
import { MemoryLottery } from './support/memory_lottery';
import { requireKept } from './support/oracle';
import { type RecordingAgency } from './support/recording_agency';
import { type SeededRandom } from './support/seeded_random';
import { snapshotOf, runToTheEnd, smallAgencies } from './support/small_run';

/** The disk after a crash, with snapshots of the agencies at the crash. */
interface Crash {
  readonly image: DiskImage;
  readonly agencies: readonly RecordingAgency[];
}

/** Starts a server on a disk after a crash: all acknowledged bets are stored, and the agencies finish. */
async function requireGoesOn({ image, agencies }: Crash): Promise<DiskModel> {
  const disk = new DiskModel(image);
  const server = new MemoryLottery({ directory: disk, agencies: agencies.length });
  const probe = await server.dial().catch((error: Error) => {
    throw new Error(`${error.message}: ${server.log.join('')}`);
  });
  requireKept(disk.kernelImage().get('bets.csv'), agencies);
  // Acknowledged bets must be on the disk, not only in the kernel.
  requireKept(disk.durableImage().get('bets.csv'), agencies);
  probe.destroy();
  const code = await server.stop();
  if (code !== 0) throw new Error(`the server ended with ${code}: ${server.log.join('')}`);
  await runToTheEnd(disk, agencies);
  return disk;
}

describe('torture: crashes at every step', function () {
  this.timeout(sized(60_000, 1_200_000));

  /** Runs a small lottery, and calls `take` at each step: before and after every write, flush and acknowledgement. */
  async function crashesOf(disk: DiskModel, agencies: readonly RecordingAgency[], take: () => void): Promise<void> {
    disk.onStep = take;
    for (const agency of agencies) agency.onAcknowledged = take;
    await runToTheEnd(disk, agencies);
  }

  describe('of the process', () => {
    const campaign = new Campaign('process killed before, in and after every write, flush and acknowledgement');

    it('keep all acknowledged bets, and the agencies finish', async () => {
      const agencies = smallAgencies(sized(2, 3));
      const disk = new DiskModel();
      const crashes: Crash[] = [];
      await crashesOf(disk, agencies, () => {
        crashes.push({ image: disk.kernelImage(), agencies: agencies.map(snapshotOf) });
      });
      for (const [index, crash] of crashes.entries()) {
        await campaign.run(`step ${index}`, async () => void (await requireGoesOn(crash)));
      }
    });
  });

  describe('of the power', () => {
    const campaign = new Campaign('power cut at every step, unflushed sectors kept or lost at random in each file');

    it('keep all acknowledged bets, and the agencies finish', async () => {
      const agencies = smallAgencies(2, { bets: 40, betsPerBatch: 9, window: 3 });
      const disk = new DiskModel();
      const crashes: { cut: (random: SeededRandom) => DiskImage; agencies: RecordingAgency[] }[] = [];
      await crashesOf(disk, agencies, () => {
        const frozen = disk.freeze();
        crashes.push({ cut: (random) => frozen.powerCutImage(random), agencies: agencies.map(snapshotOf) });
      });
      for (const [index, { cut, agencies }] of crashes.entries()) {
        for (let variant = 0; variant < sized(2, 40); variant++) {
          await campaign.run(`step ${index}, variant ${variant}`, async (random) => {
            const snapshots = agencies.map(snapshotOf);
            const recovered = await requireGoesOn({ image: cut(random), agencies: snapshots });
            await requireGoesOn({ image: recovered.powerCutImage(random), agencies: snapshots.map(snapshotOf) });
          });
        }
      }
    });
  });

  describe('of a start after a crash', () => {
    const campaign = new Campaign(
      'process killed or power cut at each step of a start after a crash, three starts deep',
    );

    it('keep all acknowledged bets, and the agencies finish', async () => {
      const agencies = smallAgencies(2, { bets: 6, betsPerBatch: 2, window: 2 });
      const disk = new DiskModel();
      const crashes: { frozen: DiskModel; agencies: RecordingAgency[] }[] = [];
      await crashesOf(disk, agencies, () => {
        crashes.push({ frozen: disk.freeze(), agencies: agencies.map(snapshotOf) });
      });
      for (let crash = 0; crash < crashes.length; crash += sized(60, 1)) {
        const { frozen, agencies } = crashes[crash]!;
        for (const die of [cutPower, kill]) {
          let steps = 1;
          for (let step = 0; step < steps; step++) {
            await campaign.run(`${die.name} at step ${crash}, at step ${step} of the next start`, async (random) => {
              const states = await statesOfStart(die(frozen, random), agencies);
              steps = states.length;
              const second = await statesOfStart(die(states[step % steps]!, random), agencies);
              const image = die(random.pick(second), random).kernelImage();
              await requireGoesOn({ image, agencies: agencies.map(snapshotOf) });
            });
          }
        }
      }
    });

    function cutPower(disk: DiskModel, random: SeededRandom): DiskModel {
      return new DiskModel(disk.powerCutImage(random));
    }

    /** The kernel keeps the unflushed bytes. */
    function kill(disk: DiskModel): DiskModel {
      return disk.freeze();
    }

    /** The disk before and after each step of a start, until the server listens. */
    async function statesOfStart(disk: DiskModel, agencies: readonly RecordingAgency[]): Promise<DiskModel[]> {
      const states = [disk.freeze()];
      disk.onStep = () => states.push(disk.freeze());
      const server = new MemoryLottery({ directory: disk, agencies: agencies.length });
      const probe = await server.dial().catch((error: Error) => {
        throw new Error(`${error.message}: ${server.log.join('')}`);
      });
      disk.onStep = () => {};
      requireKept(disk.durableImage().get('bets.csv'), agencies);
      probe.destroy();
      expect(await server.stop(), server.log.join('')).to.equal(0);
      return states;
    }
  });
});
