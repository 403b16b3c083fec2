import { expect } from 'chai';
import { Campaign, sized } from './support/campaign';
import { type DiskImage, DiskModel } from './support/disk_model';
import { MemoryLottery } from './support/memory_lottery';
import { requireKept } from './support/oracle';
import { type RecordingAgency } from './support/recording_agency';
import { type SeededRandom } from './support/seeded_random';
import { snapshotOf, runToTheEnd, smallAgencies } from './support/small_run';

/** A store after a crash, with one batch written and not acknowledged, and a snapshot of its agency. */
interface TornStore {
  readonly image: DiskImage;
  readonly agency: RecordingAgency;
  /** The end of the acknowledged bytes in each file. */
  readonly ends: ReadonlyMap<string, number>;
}

const DAMAGES = ['cut', 'zeros', 'noise', 'longer noise'] as const;

async function makeTornStore(): Promise<TornStore> {
  const [agency] = smallAgencies(1, { bets: 10, betsPerBatch: 3, window: 1 }) as [RecordingAgency];
  const disk = new DiskModel();
  const images: { image: DiskImage; agency: RecordingAgency }[] = [];
  disk.onStep = () => images.push({ image: disk.kernelImage(), agency: snapshotOf(agency) });
  await runToTheEnd(disk, [agency]);
  const journalOf = (image: DiskImage): string[] => String(image.get('bets.journal') ?? '').split('\n');
  // The last image with three acknowledged batches and the fourth's record in the journal.
  const torn = images.findLast((look) => look.agency.acknowledged === 9 && journalOf(look.image).length === 6)!;
  const rows = agency.rows.slice(0, 9).map((row) => `${row}\n`);
  const records = journalOf(torn.image)
    .slice(0, 4)
    .map((record) => `${record}\n`);
  const ends = new Map([
    ['bets.csv', Buffer.byteLength(rows.join(''))],
    ['bets.journal', Buffer.byteLength(records.join(''))],
  ]);
  // The mark after the third acknowledgement, and before the fourth.
  const mark = images.findLast((look) => look.agency.acknowledged === 9)!.image.get('bets.mark')!;
  const before = images.find((look) => look.agency.acknowledged === 9)!.image.get('bets.mark')!;
  expect(mark.equals(before), 'the mark moves with the acknowledgement').to.equal(false);
  return { image: new Map(torn.image).set('bets.mark', before), agency: torn.agency, ends };
}

function damaged(bytes: Buffer, at: number, kind: (typeof DAMAGES)[number], random: SeededRandom): Buffer {
  const kept = bytes.subarray(0, at);
  if (kind === 'cut') return kept;
  if (kind === 'zeros') return Buffer.concat([kept, Buffer.alloc(bytes.length - at)]);
  const length = kind === 'noise' ? bytes.length - at : random.between(1, 3000);
  return Buffer.concat([kept, random.bytes(length)]);
}

/** Requires that a server refuses to start, with one line, and changes no byte. */
async function requireRefusal(image: DiskImage): Promise<void> {
  const disk = new DiskModel(image);
  const server = new MemoryLottery({ directory: disk, agencies: 1 });
  const listens = server.dial().then(
    () => true,
    () => false,
  );
  if (await listens) {
    await server.stop();
    throw new Error(`the server started: ${server.log.join('')}`);
  }
  expect(await server.ended).to.equal(1);
  expect(server.log).to.have.lengthOf(1);
  expect(server.log[0]).to.match(/ERROR {4}action: open_store \| result: fail \| dir: .+ \| error: .+\n$/);
  const left = disk.kernelImage();
  expect(Array.from(left.keys())).to.have.members(Array.from(image.keys()));
  for (const [name, bytes] of image) expect(left.get(name)!.equals(bytes), `${name} is unchanged`).to.equal(true);
}

describe('torture: torn tails and damage', function () {
  this.timeout(sized(60_000, 600_000));
  const torn = new Campaign('after the last acknowledged batch: cut, zeros, noise at every offset of each file');
  const damage = new Campaign('before its end: cut, zeros, noise, flipped bits at every offset, missing files');
  const journals = new Campaign('an unacknowledged finish and draw: cut, zeros, noise at every offset');
  const partial = new Campaign('any part of the files missing, at every step of a run: a partly archived draw');

  async function requireGoesOn(image: DiskImage, { agency }: TornStore): Promise<void> {
    const disk = new DiskModel(image);
    const own = snapshotOf(agency);
    const server = new MemoryLottery({ directory: disk, agencies: 1 });
    (
      await server.dial().catch((error: Error) => {
        throw new Error(`${error.message}: ${server.log.join('')}`);
      })
    ).destroy();
    const left = disk.kernelImage();
    requireKept(left.get('bets.csv'), [own]);
    const dropped = ['bets.csv', 'bets.journal'].some((name) => left.get(name)!.length !== image.get(name)!.length);
    const isLogged = server.log.some((line) => line.includes('recover_bets | result: success | dropped_bytes: '));
    expect(isLogged, 'the log has the dropped bytes').to.equal(dropped);
    expect(await server.stop()).to.equal(0);
    await runToTheEnd(disk, [own]);
  }

  it('keep every acknowledged batch, in whole batches, with the dropped bytes in the log', async () => {
    const store = await makeTornStore();
    for (const [name, acknowledged] of store.ends) {
      const bytes = store.image.get(name)!;
      for (let at = acknowledged; at <= bytes.length; at++) {
        for (const kind of DAMAGES) {
          await torn.run(`${kind} from byte ${at} of ${name} on`, async (random) => {
            const image = new Map(store.image).set(name, damaged(bytes, at, kind, random));
            await requireGoesOn(image, store);
          });
        }
      }
    }
    for (let pair = 0; pair < sized(40, 5000); pair++) {
      await torn.run('both files', async (random) => {
        const image = new Map(store.image);
        for (const [name, acknowledged] of store.ends) {
          const bytes = store.image.get(name)!;
          image.set(name, damaged(bytes, random.between(acknowledged, bytes.length), random.pick(DAMAGES), random));
        }
        await requireGoesOn(image, store);
      });
    }
  });

  it('allow the continuation after an unacknowledged finish or draw, torn at any byte', async () => {
    for (const { image, agencies, name, acknowledged } of await tornJournals()) {
      const bytes = image.get(name)!;
      for (let at = acknowledged; at <= bytes.length; at++) {
        for (const kind of DAMAGES) {
          await journals.run(`${kind} from byte ${at} of ${name} on`, async (random) => {
            const disk = new DiskModel(new Map(image).set(name, damaged(bytes, at, kind, random)));
            const server = await runToTheEnd(disk, agencies.map(snapshotOf));
            const isWhole = at === bytes.length && kind !== 'longer noise';
            const isEmpty = at === acknowledged && kind === 'cut';
            const logged = server.log.filter((line) =>
              line.includes(`recover_journal | result: success | file: ${name}`),
            );
            if (isWhole || isEmpty) expect(logged, 'lines with dropped bytes').to.deep.equal([]);
            else if (kind !== 'noise') expect(logged, 'lines with dropped bytes').not.to.deep.equal([]);
          });
        }
      }
    }
  });

  /** The stores after a crash between the write of the last finish, or of the draw, and its acknowledgement. */
  async function tornJournals(): Promise<
    { image: DiskImage; agencies: RecordingAgency[]; name: string; acknowledged: number }[]
  > {
    const agencies = [...smallAgencies(1, { bets: 4 }), ...smallAgencies(2, { bets: 9 }).slice(1)];
    const disk = new DiskModel();
    const looks: { image: DiskImage; snapshots: RecordingAgency[] }[] = [];
    disk.onStep = () => looks.push({ image: disk.kernelImage(), snapshots: agencies.map(snapshotOf) });
    await runToTheEnd(disk, agencies);
    const linesOf = (image: DiskImage, name: string): string[] =>
      String(image.get(name) ?? '')
        .split('\n')
        .slice(0, -1);
    const lastLook = (name: string, records: number, isBefore: (look: (typeof looks)[number]) => boolean) => {
      const look = looks.findLast((one) => isBefore(one) && linesOf(one.image, name).length === records)!;
      const before = linesOf(look.image, name).slice(0, -1);
      const acknowledged = Buffer.byteLength(before.map((line) => `${line}\n`).join(''));
      return { image: look.image, agencies: look.snapshots, name, acknowledged };
    };
    return [
      lastLook('finished.journal', 2, ({ image, snapshots }) => {
        return !snapshots[1]!.hasFinished && image.get('draw.journal')!.length === 0;
      }),
      lastLook('draw.journal', 1, ({ snapshots }) => !snapshots.some((agency) => agency.isDrawHeld)),
    ];
  }

  it('are refused beyond the effects of a crash, and the files stay unchanged', async () => {
    const store = await makeTornStore();
    for (const [name, acknowledged] of store.ends) {
      const bytes = store.image.get(name)!;
      for (let at = 0; at < acknowledged; at += sized(3, 1)) {
        for (const kind of DAMAGES) {
          await damage.run(`${kind} from byte ${at} of ${name} on`, async (random) => {
            await requireRefusal(new Map(store.image).set(name, damaged(bytes, at, kind, random)));
          });
        }
        await damage.run(`a flipped bit in byte ${at} of ${name}`, async (random) => {
          const flipped = Buffer.from(bytes);
          flipped[at]! ^= 1 << random.below(8);
          await requireRefusal(new Map(store.image).set(name, flipped));
        });
      }
    }
    for (const name of store.image.keys()) {
      await damage.run(`${name} is missing`, async () => {
        await requireRefusal(new Map(Array.from(store.image).filter(([other]) => other !== name)));
      });
    }
  });

  it('are refused in any part of a store, as after an interrupted new draw', async () => {
    for (const image of await imagesOfRun()) {
      const names = Array.from(image.keys());
      for (let kept = 1; kept < 2 ** names.length - 1; kept++) {
        await partial.run(`of ${names.join(', ')}: ${kept.toString(2)}`, async () => {
          const part = new Map(Array.from(image).filter((_, index) => (kept & (1 << index)) !== 0));
          if (holdsRecord(part)) await requireRefusal(part);
        });
      }
    }
  });

  /** The different images of a run with all files; one agency has no bets. */
  async function imagesOfRun(): Promise<DiskImage[]> {
    const agencies = [...smallAgencies(1, { bets: 4 }), ...smallAgencies(2, { bets: 0 }).slice(1)];
    const disk = new DiskModel();
    const images = new Map<string, DiskImage>();
    disk.onStep = () => {
      const image = disk.kernelImage();
      // An incomplete batch is a torn tail, which other tests cover.
      const text = Array.from(image.values(), String);
      if (image.size === 5 && text.every((content) => content === '' || content.endsWith('\n'))) {
        images.set(text.join('\0'), image);
      }
    };
    await runToTheEnd(disk, agencies);
    return Array.from(images.values());
  }

  function holdsRecord(image: DiskImage): boolean {
    const journal = String(image.get('bets.journal') ?? '');
    const others = ['bets.csv', 'finished.journal', 'draw.journal'].some((name) => (image.get(name)?.length ?? 0) > 0);
    const marks = String(image.get('bets.mark') ?? '').match(/ \d+/g) ?? [];
    return others || journal.includes('commit') || marks.some((mark) => Number(mark) > 0);
  }
});
