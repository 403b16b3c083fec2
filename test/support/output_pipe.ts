import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { StringDecoder } from 'node:string_decoder';

const FILLER = '\u0016';

/** A pipe for the output of a program. The test reads it for a while, then lets it fill up. */
export class OutputPipe {
  /** The end for the program's stdout or stderr; `releaseWriteEnd` closes this process's copy of it. */
  readonly writeEnd: number;
  /** Keeps the pipe open without a reader, and reads the rest later. */
  private readonly readEnd: number;
  private readonly decoder = new StringDecoder('utf8');
  private reader: Socket | undefined;
  private received = '';
  private look = (): void => {};

  /** @param path the path of the new pipe. */
  constructor(private readonly path: string) {
    execFileSync('mkfifo', [path]);
    this.readEnd = this.open(constants.O_RDONLY);
    this.writeEnd = openSync(path, constants.O_WRONLY);
  }

  /** The program's output so far. */
  get text(): string {
    return this.received.replaceAll(FILLER, '');
  }

  releaseWriteEnd(): void {
    closeSync(this.writeEnd);
  }

  /** Waits for matching output. */
  async match(pattern: RegExp): Promise<RegExpExecArray> {
    this.reader ??= this.readFrom(this.open(constants.O_RDONLY));
    const { reader } = this;
    return new Promise((resolve, reject) => {
      this.look = (): void => {
        const match = pattern.exec(this.text);
        if (match !== null) resolve(match);
      };
      reader.once('close', () => reject(new Error(`the output ended without ${pattern}:\n${this.text}`)));
      this.look();
    });
  }

  /** Stops reading, and fills the pipe to its last byte. */
  async clog(): Promise<void> {
    // A paused socket continues to read for a while.
    if (this.reader !== undefined) await once(this.reader.destroy(), 'close');
    const filling = this.open(constants.O_WRONLY);
    try {
      for (const size of [4096, 1]) while (accepts(filling, size));
    } finally {
      closeSync(filling);
    }
  }

  /** Continues to read, to the end of the output. */
  async drain(): Promise<string> {
    this.reader = this.readFrom(this.readEnd);
    await once(this.reader, 'close');
    return this.text;
  }

  dispose(): void {
    this.reader?.destroy();
  }

  private open(mode: number): number {
    return openSync(this.path, mode | constants.O_NONBLOCK);
  }

  private readFrom(fd: number): Socket {
    return new Socket({ fd, readable: true, writable: false }).on('data', (bytes) => {
      this.received += this.decoder.write(bytes);
      this.look();
    });
  }
}

/** Writes `size` bytes to the pipe. Returns false if it has no room for them. */
function accepts(fd: number, size: number): boolean {
  try {
    return writeSync(fd, FILLER.repeat(size)) === size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return false;
    throw error;
  }
}
