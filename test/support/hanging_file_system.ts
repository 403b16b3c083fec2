import { type BigIntStats, statSync } from 'node:fs';
import { type FileSystem, type OpenFile } from '../../apps/client/data_file';

/** A call that the disk never finishes; 'read 2' is the second read. */
export type HangingCall = 'stat' | 'open' | 'fstat' | 'read 1' | 'read 2' | 'close';

/** One file in memory, on a disk that never finishes one call. */
export class HangingFileSystem implements FileSystem {
  /** Whether that call was made. */
  isHanging = false;
  private reads = 0;
  private readonly stats = statSync(__filename, { bigint: true });

  constructor(
    private readonly content: Buffer,
    private readonly hangingCall: HangingCall,
  ) {}

  readonly stat = async (): Promise<BigIntStats> => {
    await this.onCall('stat');
    return this.stats;
  };

  readonly open = async (): Promise<OpenFile> => {
    await this.onCall('open');
    let position = 0;
    return {
      stat: async () => {
        await this.onCall('fstat');
        return this.stats;
      },
      read: async (buffer, offset, length) => {
        await this.onCall(`read ${++this.reads}`);
        const bytesRead = this.content.copy(buffer, offset, position, position + length);
        position += bytesRead;
        return { bytesRead };
      },
      // A FileHandle's close waits for what is under way.
      close: () => this.onCall(this.isHanging ? this.hangingCall : 'close'),
    };
  };

  private async onCall(call: string): Promise<void> {
    if (call !== this.hangingCall) return;
    this.isHanging = true;
    await new Promise(() => {});
  }
}
