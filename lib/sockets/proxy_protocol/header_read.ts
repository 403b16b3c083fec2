import { type Duplex } from 'node:stream';
import { MalformedHeader, type ProxyHeader, readProxyHeader } from './proxy_header';

/** One of the two is called, once, unless `stop` comes first. */
export interface HeaderReadResults {
  /** The header is read, and no byte behind it. */
  onHeader(header: ProxyHeader): void;
  /** @param problem continues "the PROXY header …". */
  onFailed(problem: string, cause?: Error): void;
}

/** The read of a PROXY header from a stream without another reader so far. */
export class HeaderRead {
  private bytes = Buffer.alloc(0);
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly stream: Duplex,
    private readonly timeoutMs: number,
    private readonly results: HeaderReadResults,
  ) {}

  start(): void {
    this.timer = setTimeout(() => this.fail(`was not complete within ${this.timeoutMs} ms`), this.timeoutMs);
    this.stream.on('readable', this.onReadable).on('end', this.onEnd).on('error', this.onError).on('close', this.onEnd);
  }

  /** Leaves the stream as it is. */
  stop(): void {
    clearTimeout(this.timer);
    const { stream } = this;
    stream.off('readable', this.onReadable).off('end', this.onEnd).off('error', this.onError).off('close', this.onEnd);
  }

  private readonly onReadable = (): void => {
    const chunk = this.stream.read() as Buffer | null;
    if (chunk === null) return;
    this.bytes = Buffer.concat([this.bytes, chunk]);
    try {
      const header = readProxyHeader(this.bytes);
      if (header !== undefined) this.succeed(header);
    } catch (error) {
      if (!(error instanceof MalformedHeader)) throw error;
      this.fail(error.message);
    }
  };

  private readonly onEnd = (): void => this.fail(`was not complete at the end, after ${this.bytes.length} bytes`);

  private readonly onError = (error: Error): void => this.fail('was not complete when the connection was lost', error);

  private succeed(header: ProxyHeader): void {
    this.stop();
    const rest = this.bytes.subarray(header.length);
    if (rest.length > 0) this.stream.unshift(rest);
    this.results.onHeader(header);
  }

  private fail(problem: string, cause?: Error): void {
    this.stop();
    // A reset follows, and may have an error of its own.
    this.stream.on('error', () => undefined);
    this.results.onFailed(problem, cause);
  }
}
