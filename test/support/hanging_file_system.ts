import { type BigIntStats, statSync } from 'node:fs';
import { type FileSystem, type OpenFile } from '../../apps/client/bets/data_file';

/** The call without a response; 'read 2' is the second read. */
export type HangingCall = 'stat' | 'open' | 'fstat' | 'read 1' | 'read 2' | 'close';

/** A file system with one file in memory. One kind of call never settles. */
export class HangingFileSystem implements FileSystem {
  /** Whether that call is pending. */
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
      // The close of a FileHandle waits for pending calls.
      close: () => this.onCall(this.isHanging ? this.hangingCall : 'close'),
    };
  };

  private async onCall(call: string): Promise<void> {
    if (call !== this.hangingCall) return;
    this.isHanging = true;
    await new Promise(() => {});
  }
}
