import { type FileEntry } from '../../../apps/server/storage/files/disk/file_entry';
import {
  DIRECTORY_ENTRY,
  type StoreDirectory,
  type StoreFile,
} from '../../../apps/server/storage/files/disk/file_system';
import { type SeededRandom } from './seeded_random';

/** The operations of the disk except `release`, in the order of a run. */
export type DiskOperation =
  'claim' | 'open' | 'read' | 'size' | 'create' | 'write' | 'truncate' | 'flush' | 'flush directory';

/** A call, the `index`-th of the disk (from 0). */
export interface DiskCall {
  readonly index: number;
  readonly operation: DiskOperation;
  readonly file: string;
}

/** The fault of a call; undefined: the call succeeds. */
export type DiskFault =
  /** The call fails without an effect. A failed flush drops the unflushed bytes, as in Linux. */
  | { readonly kind: 'error'; readonly code: string }
  /** A short write of `bytes` bytes. */
  | { readonly kind: 'short'; readonly bytes: number };

/** The bytes of the files, by name. */
export type DiskImage = ReadonlyMap<string, Buffer>;

type Change =
  | { readonly kind: 'write'; readonly position: number; readonly bytes: Buffer }
  | { readonly kind: 'truncate'; readonly size: number };

/** The size of a sector. A disk writes a sector completely or not at all. */
const SECTOR = 512;

let entries = 0;

function newEntry(mode: number): FileEntry {
  return { identity: String(entries++), links: 1, mode };
}

/** A file, with its content in the kernel and its content on the disk. */
class ModelFile {
  readonly entry = newEntry(0o600);
  /** The last flushed content, and the content after each later change, in order. */
  private versions: Buffer[];
  /** The content for reads. It is the newest version, except after a failed flush. */
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

  /** All versions are flushed. */
  settle(): void {
    this.versions = [this.versions.at(-1)!];
  }

  /** All unflushed versions are lost, while reads still return the newest one: see fsync(2) on errors. */
  loseUnflushed(): void {
    this.versions = [this.versions[0]!];
  }

  /** A possible content after a power cut. The size and each sector are of any version since the last flush. */
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
 * A directory on a model of a disk, with faults, power cuts, and images at any moment. A killed process leaves the
 * content in the kernel (`kernelImage`). A power cut leaves the flushed bytes and any part of the others, in any
 * combination of files (`powerCutImage`).
 */
export class DiskModel implements StoreDirectory {
  readonly path = 'disk model';
  readonly opened = new Map<string, FileEntry>();
  readonly calls: DiskCall[] = [];
  /** The fault of each call. */
  fault: (call: DiskCall) => DiskFault | undefined = () => undefined;
  /** Called before and after each change. */
  onStep: () => void = () => {};
  /** Delays a call before its effect. */
  hold: (call: Omit<DiskCall, 'index'>) => Promise<void> | undefined = () => undefined;
  /** The error code of each lookup of a name, if set. Lookups are not counted as calls, because a timer makes some. */
  lookUpFault: string | undefined;
  private readonly files: Map<string, ModelFile>;
  private readonly itself = newEntry(0o700);
  private handles = 0;
  /** The target of the directory's path. */
  private shownAs: FileEntry | undefined = this.itself;

  constructor(image: DiskImage = new Map()) {
    this.files = new Map(Array.from(image, ([name, bytes]) => [name, new ModelFile(bytes, true)]));
  }

  async claim(): Promise<void> {
    this.begin('claim', '');
    if (this.opened.has(DIRECTORY_ENTRY)) throw new Error('a second claim of the directory');
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
      if (this.files.has(name)) throw new Error(`${name} exists already`);
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

  /** Removes the name of a file, as rm(1) does. The open file remains. */
  unlink(name: string): void {
    this.files.delete(name);
  }

  /** Replaces a file by a renamed new one, as an editor does. */
  replace(name: string): void {
    this.files.set(name, new ModelFile(this.files.get(name)!.cache, true));
  }

  /** Moves the directory away. Its path then leads nowhere, or to a new directory. */
  displace(isReplaced: boolean): void {
    this.shownAs = isReplaced ? newEntry(0o700) : undefined;
  }

  /** A copy of the disk at this moment, without open files and faults, for the next process. */
  freeze(): DiskModel {
    const copy = new DiskModel();
    for (const [name, file] of this.files) copy.files.set(name, file.copy());
    return copy;
  }

  /** The number of open files. */
  get openFiles(): number {
    return this.handles;
  }

  /** The files after a kill of this process. */
  kernelImage(): Map<string, Buffer> {
    return new Map(Array.from(this.files, ([name, file]) => [name, file.cache]));
  }

  /** The files after a power cut, one of many possible images. */
  powerCutImage(random: SeededRandom): Map<string, Buffer> {
    const image = new Map<string, Buffer>();
    for (const [name, file] of this.files) {
      if (file.isEntryDurable || random.once(2)) image.set(name, file.afterPowerCut(random));
    }
    return image;
  }

  /** The files after a power cut that loses all unflushed bytes. */
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
    // A kill can interrupt a long write.
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

/** Waits for a turn of the event loop, as during the work of a real disk. */
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
  return Object.assign(new Error(`${code}: a fault of the disk model`), { code });
}
