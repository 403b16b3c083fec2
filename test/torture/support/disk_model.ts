import { type FileEntry } from '../../../apps/server/storage/files/disk/file_entry';
import {
  DIRECTORY_ENTRY,
  type StoreDirectory,
  type StoreFile,
} from '../../../apps/server/storage/files/disk/file_system';
import { type SeededRandom } from './seeded_random';

/** What the disk is asked to do; `release` aside, in the order of a run. */
export type DiskOperation =
  'claim' | 'open' | 'read' | 'size' | 'create' | 'write' | 'truncate' | 'flush' | 'flush directory';

/** A call, as the faults see it: the `index`-th of the disk, from 0. */
export interface DiskCall {
  readonly index: number;
  readonly operation: DiskOperation;
  readonly file: string;
}

/** What is to become of a call; undefined: it is carried out. */
export type DiskFault =
  /** It fails, and nothing of it is done; a flush that fails drops what it should have kept, as Linux does. */
  | { readonly kind: 'error'; readonly code: string }
  /** A write takes only so many bytes, and says so. */
  | { readonly kind: 'short'; readonly bytes: number };

/** The files' bytes by their names. */
export type DiskImage = ReadonlyMap<string, Buffer>;

type Change =
  | { readonly kind: 'write'; readonly position: number; readonly bytes: Buffer }
  | { readonly kind: 'truncate'; readonly size: number };

/** A sector: what a disk writes whole or not at all. */
const SECTOR = 512;

let entries = 0;

function newEntry(mode: number): FileEntry {
  return { identity: String(entries++), links: 1, mode };
}

/** A file as the kernel shows it, and as the platter has it. */
class ModelFile {
  readonly entry = newEntry(0o600);
  /** What was flushed last, and what the disk would have had after each change since then; the newest is the last. */
  private versions: Buffer[];
  /** What is read. It is the newest version, unless a flush has failed. */
  private shown: Buffer;

  constructor(
    content: Buffer,
    public isEntryDurable: boolean,
  ) {
    this.versions = [content];
    this.shown = content;
  }

  get cache(): Buffer {
    return this.shown;
  }

  get durable(): Buffer {
    return this.versions[0]!;
  }

  copy(): ModelFile {
    const copy = new ModelFile(this.shown, this.isEntryDurable);
    copy.versions = [...this.versions];
    return copy;
  }

  apply(change: Change): void {
    this.shown = changed(this.shown, change);
    this.versions.push(changed(this.versions.at(-1)!, change));
  }

  /** The disk has it all. */
  settle(): void {
    this.versions = [this.versions.at(-1)!];
  }

  /** The disk has none of it, and the kernel, which still shows it, forgets that it should: see fsync(2) on errors. */
  loseUnflushed(): void {
    this.versions = [this.versions[0]!];
  }

  /** The size and each sector are as they were at some moment since the last flush, each at one of its own. */
  afterPowerCut(random: SeededRandom): Buffer {
    const content = Buffer.alloc(random.pick(this.versions).length);
    for (let at = 0; at < content.length; at += SECTOR) {
      random
        .pick(this.versions)
        .subarray(at, at + SECTOR)
        .copy(content, at);
    }
    return content;
  }
}

/**
 * A directory on a disk of its own that can fail, lose its power, and be looked at in the middle of everything. A
 * process that dies leaves what the kernel holds (`kernelImage`); a power cut leaves what was flushed and any part of
 * what was not, in any combination of files (`powerCutImage`).
 */
export class DiskModel implements StoreDirectory {
  readonly path = 'disk model';
  readonly opened = new Map<string, FileEntry>();
  readonly calls: DiskCall[] = [];
  /** Says what becomes of a call. */
  fault: (call: DiskCall) => DiskFault | undefined = () => undefined;
  /** Told before and after each call that changes something. */
  onStep: () => void = () => {};
  /** Makes a call wait before it is carried out. */
  hold: (call: Omit<DiskCall, 'index'>) => Promise<void> | undefined = () => undefined;
  /** Makes the names fail to be looked up, with this code. Looks are no calls: a timer makes some of them. */
  lookUpFault: string | undefined;
  private readonly files: Map<string, ModelFile>;
  private readonly itself = newEntry(0o700);
  private handles = 0;
  /** What the directory's path leads to. */
  private shownAs: FileEntry | undefined = this.itself;

  constructor(image: DiskImage = new Map()) {
    this.files = new Map(Array.from(image, ([name, bytes]) => [name, new ModelFile(bytes, true)]));
  }

  async claim(): Promise<void> {
    this.begin('claim', '');
    if (this.opened.has(DIRECTORY_ENTRY)) throw new Error('the directory is claimed twice');
    this.opened.set(DIRECTORY_ENTRY, this.itself);
  }

  async release(): Promise<void> {
    this.opened.delete(DIRECTORY_ENTRY);
  }

  async open(name: string): Promise<StoreFile | undefined> {
    this.begin('open', name);
    const file = this.files.get(name);
    return file === undefined ? undefined : this.handle(name, file);
  }

  async create(name: string): Promise<StoreFile> {
    return this.step('create', name, () => {
      if (this.files.has(name)) throw new Error(`${name} is there already`);
      const file = new ModelFile(Buffer.alloc(0), false);
      this.files.set(name, file);
      return this.handle(name, file);
    });
  }

  async sync(): Promise<void> {
    await this.step('flush directory', '', () => {
      for (const file of this.files.values()) file.isEntryDurable = true;
    });
  }

  async entry(name: string): Promise<FileEntry | undefined> {
    if (this.lookUpFault !== undefined) throw diskError(this.lookUpFault);
    if (name === DIRECTORY_ENTRY) return this.shownAs;
    return this.shownAs === this.itself ? this.files.get(name)?.entry : undefined;
  }

  /** As rm(1) does: the file lives on for whoever has it open. */
  unlink(name: string): void {
    this.files.delete(name);
  }

  /** As an editor does that writes a new file and renames it. */
  replace(name: string): void {
    this.files.set(name, new ModelFile(this.files.get(name)!.cache, true));
  }

  /** The directory is moved away; its path leads nowhere, or to a new one. */
  displace(isReplaced: boolean): void {
    this.shownAs = isReplaced ? newEntry(0o700) : undefined;
  }

  /** The disk as it is now, in the hands of nobody: to be looked at later, or by the next process. */
  freeze(): DiskModel {
    const copy = new DiskModel();
    for (const [name, file] of this.files) copy.files.set(name, file.copy());
    return copy;
  }

  /** How many files are open. */
  get openFiles(): number {
    return this.handles;
  }

  /** What a process finds that starts after this one was killed. */
  kernelImage(): Map<string, Buffer> {
    return new Map(Array.from(this.files, ([name, file]) => [name, file.cache]));
  }

  /** What a machine finds that starts after a power cut: one of many possible images. */
  powerCutImage(random: SeededRandom): Map<string, Buffer> {
    const image = new Map<string, Buffer>();
    for (const [name, file] of this.files) {
      if (file.isEntryDurable || random.once(2)) image.set(name, file.afterPowerCut(random));
    }
    return image;
  }

  /** The power cut that loses all that was not flushed. */
  durableImage(): Map<string, Buffer> {
    const kept = Array.from(this.files).filter(([, file]) => file.isEntryDurable);
    return new Map(kept.map(([name, file]) => [name, file.durable]));
  }

  private handle(name: string, file: ModelFile): StoreFile {
    this.handles++;
    this.opened.set(name, file.entry);
    return {
      read: async (target, position) => {
        this.begin('read', name);
        await this.hold({ operation: 'read', file: name });
        return file.cache.copy(target, 0, Math.min(position, file.cache.length));
      },
      size: async () => {
        this.begin('size', name);
        return file.cache.length;
      },
      write: (buffers, position) => this.write(name, file, Buffer.concat(buffers), position),
      truncate: async (size) => {
        await this.step('truncate', name, () => file.apply({ kind: 'truncate', size }));
      },
      sync: async () => {
        await this.step(
          'flush',
          name,
          () => file.settle(),
          () => file.loseUnflushed(),
        );
      },
      close: async () => {
        this.handles--;
        this.opened.delete(name);
      },
    };
  }

  private async write(name: string, file: ModelFile, bytes: Buffer, position: number): Promise<number> {
    let taken = bytes.length;
    const fault = this.faultOf('write', name);
    await this.hold({ operation: 'write', file: name });
    if (fault?.kind === 'error') throw diskError(fault.code);
    if (fault?.kind === 'short') taken = Math.min(fault.bytes, taken);
    this.onStep();
    // A process can be killed in the middle of a long write.
    if (taken > 1) {
      file.apply({ kind: 'write', position, bytes: bytes.subarray(0, taken >> 1) });
      this.onStep();
    }
    file.apply({ kind: 'write', position, bytes: bytes.subarray(0, taken) });
    this.onStep();
    await turn();
    return taken;
  }

  private async step<Result>(
    operation: DiskOperation,
    name: string,
    work: () => Result,
    onFault: () => void = () => {},
  ): Promise<Result> {
    const fault = this.faultOf(operation, name);
    await this.hold({ operation, file: name });
    if (fault !== undefined) {
      onFault();
      throw diskError(fault.kind === 'error' ? fault.code : 'EIO');
    }
    this.onStep();
    const result = work();
    this.onStep();
    await turn();
    return result;
  }

  private begin(operation: DiskOperation, name: string): void {
    const fault = this.faultOf(operation, name);
    if (fault !== undefined) throw diskError(fault.kind === 'error' ? fault.code : 'EIO');
  }

  private faultOf(operation: DiskOperation, file: string): DiskFault | undefined {
    const call = { index: this.calls.length, operation, file };
    this.calls.push(call);
    return this.fault(call);
  }
}

/** Others get their turn, as they do while a real disk works. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

function changed(content: Buffer, change: Change): Buffer {
  if (change.kind === 'truncate') {
    return change.size <= content.length
      ? content.subarray(0, change.size)
      : Buffer.concat([content, Buffer.alloc(change.size - content.length)]);
  }
  const size = Math.max(content.length, change.position + change.bytes.length);
  const result = Buffer.alloc(size);
  content.copy(result);
  change.bytes.copy(result, change.position);
  return result;
}

function diskError(code: string): Error {
  return Object.assign(new Error(`${code}: the disk says no`), { code });
}
