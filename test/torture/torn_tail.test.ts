import { expect } from 'chai';
import { Campaign, sized } from './support/campaign';
import { type DiskImage, DiskModel } from './support/disk_model';
import { MemoryLottery } from './support/memory_lottery';
import { requireKept } from './support/oracle';
import { type RecordingAgency } from './support/recording_agency';
import { type SeededRandom } from './support/seeded_random';
import { recollect, runToTheEnd, smallAgencies } from './support/small_run';

/** A store that a crash left with one batch written and not acknowledged, and what its agency had heard. */
interface TornStore {
  readonly image: DiskImage;
  readonly agency: RecordingAgency;
  /** Where in each file what was acknowledged ends. */
  readonly ends: ReadonlyMap<string, number>;
}

const DAMAGES = ['cut', 'zeros', 'noise', 'noise that goes on'] as const;

async function makeTornStore(): Promise<TornStore> {
  const [agency] = smallAgencies(1, { bets: 10, betsPerBatch: 3, window: 1 }) as [RecordingAgency];
  const disk = new DiskModel();
  const images: { image: DiskImage; agency: RecordingAgency }[] = [];
  disk.onStep = () => images.push({ image: disk.kernelImage(), agency: recollect(agency) });
  await runToTheEnd(disk, [agency]);
  const journalOf = (image: DiskImage): string[] => String(image.get('bets.journal') ?? '').split('\n');
  // The last look at the store with three batches acknowledged and the fourth's record in the journal.
  const torn = images.findLast((look) => look.agency.acknowledged === 9 && journalOf(look.image).length === 6)!;
  const rows = agency.rows.slice(0, 9).map((row) => `${row}\n`);
  const records = journalOf(torn.image)
    .slice(0, 4)
    .map((record) => `${record}\n`);
  const ends = new Map([
    ['bets.csv', Buffer.byteLength(rows.join(''))],
    ['bets.journal', Buffer.byteLength(records.join(''))],
  ]);
  // The mark as it was when the third batch was acknowledged, and before the fourth was.
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

/** Starts a server, which must refuse, say so in one line, and leave every byte as it was. */
async function requireRefusal(image: DiskImage): Promise<void> {
  const disk = new DiskModel(image);
  const server = new MemoryLottery({ directory: disk, agencies: 1 });
  const listens = server.dial().then(
    () => true,
    () => false,
  );
  if (await listens) {
    await server.stop();
    throw new Error(`it started all the same: ${server.log.join('')}`);
  }
  expect(await server.ended).to.equal(1);
  expect(server.log).to.have.lengthOf(1);
  expect(server.log[0]).to.match(/ERROR {4}action: open_store \| result: fail \| dir: .+ \| error: .+\n$/);
  const left = disk.kernelImage();
  expect(Array.from(left.keys())).to.have.members(Array.from(image.keys()));
  for (const [name, bytes] of image) expect(left.get(name)!.equals(bytes), `${name} is untouched`).to.equal(true);
}

describe('torture: torn tails and damage', function () {
  this.timeout(sized(60_000, 600_000));
  const torn = new Campaign('behind the last acknowledged batch: cut, zeros, noise at every offset of each file');
  const damage = new Campaign('before it: cut, zeros, noise, flipped bits at every offset, files that are missing');
  const journals = new Campaign('a finish and a draw that nobody was told of: cut, zeros, noise at every offset');
  const partial = new Campaign('any part of the files gone, at every step of a run: a draw put aside only half-way');

  async function requireGoesOn(image: DiskImage, { agency }: TornStore): Promise<void> {
    const disk = new DiskModel(image);
    const own = recollect(agency);
    const server = new MemoryLottery({ directory: disk, agencies: 1 });
    (
      await server.dial().catch((error: Error) => {
        throw new Error(`${error.message}: ${server.log.join('')}`);
      })
    ).destroy();
    const left = disk.kernelImage();
    requireKept(left.get('bets.csv'), [own]);
    const dropped = ['bets.csv', 'bets.journal'].some((name) => left.get(name)!.length !== image.get(name)!.length);
    const told = server.log.some((line) => line.includes('action: recover_bets | result: success | dropped_bytes: '));
    expect(told, 'the log says what was dropped').to.equal(dropped);
    expect(await server.stop()).to.equal(0);
    await runToTheEnd(disk, [own]);
  }

  it('keeps every acknowledged batch, whole batches only, and says what it dropped', async () => {
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
    for (let pair = 0; pair < sized(100, 5000); pair++) {
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

  it('goes on from a finish and a draw that nobody was told of, however torn', async () => {
    for (const { image, agencies, name, acknowledged } of await tornJournals()) {
      const bytes = image.get(name)!;
      for (let at = acknowledged; at <= bytes.length; at++) {
        for (const kind of DAMAGES) {
          await journals.run(`${kind} from byte ${at} of ${name} on`, async (random) => {
            const disk = new DiskModel(new Map(image).set(name, damaged(bytes, at, kind, random)));
            const server = await runToTheEnd(disk, agencies.map(recollect));
            const isWhole = at === bytes.length && kind !== 'noise that goes on';
            const isEmpty = at === acknowledged && kind === 'cut';
            const told = server.log.some((line) => line.includes(`recover_journal | result: success | file: ${name}`));
            if (isWhole || isEmpty) expect(told, 'it says that something was dropped').to.equal(false);
            else if (kind !== 'noise') expect(told, 'it says that something was dropped').to.equal(true);
          });
        }
      }
    }
  });

  /** What a crash leaves when the last finish, or the draw, is written and nobody was told. */
  async function tornJournals(): Promise<
    { image: DiskImage; agencies: RecordingAgency[]; name: string; acknowledged: number }[]
  > {
    const agencies = [...smallAgencies(1, { bets: 4 }), ...smallAgencies(2, { bets: 9 }).slice(1)];
    const disk = new DiskModel();
    const looks: { image: DiskImage; heard: RecordingAgency[] }[] = [];
    disk.onStep = () => looks.push({ image: disk.kernelImage(), heard: agencies.map(recollect) });
    await runToTheEnd(disk, agencies);
    const linesOf = (image: DiskImage, name: string): string[] =>
      String(image.get(name) ?? '')
        .split('\n')
        .slice(0, -1);
    const lastLook = (name: string, records: number, isBefore: (look: (typeof looks)[number]) => boolean) => {
      const look = looks.findLast((one) => isBefore(one) && linesOf(one.image, name).length === records)!;
      const before = linesOf(look.image, name).slice(0, -1);
      const acknowledged = Buffer.byteLength(before.map((line) => `${line}\n`).join(''));
      return { image: look.image, agencies: look.heard, name, acknowledged };
    };
    return [
      lastLook('finished.journal', 2, ({ image, heard }) => {
        return !heard[1]!.hasFinished && image.get('draw.journal')!.length === 0;
      }),
      lastLook('draw.journal', 1, ({ heard }) => !heard.some((agency) => agency.knowsDraw)),
    ];
  }

  it('refuses what no crash leaves, and touches nothing', async () => {
    const store = await makeTornStore();
    for (const [name, acknowledged] of store.ends) {
      const bytes = store.image.get(name)!;
      for (let at = 0; at < acknowledged; at++) {
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

  it('refuses any part of a store, as a new draw that was cut short leaves it', async () => {
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

  /** What a run leaves at each of its steps once all files are there, each only once; one agency has no bets. */
  async function imagesOfRun(): Promise<DiskImage[]> {
    const agencies = [...smallAgencies(1, { bets: 4 }), ...smallAgencies(2, { bets: 0 }).slice(1)];
    const disk = new DiskModel();
    const images = new Map<string, DiskImage>();
    disk.onStep = () => {
      const image = disk.kernelImage();
      // A batch that is being written is a torn tail, which is another test's.
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
