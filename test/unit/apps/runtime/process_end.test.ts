import { expect } from 'chai';
import { type SinonFakeTimers, type SinonStub, stub, useFakeTimers } from 'sinon';
import { ExitCode } from '../../../../apps/runtime/exit_code';
import { endProcess } from '../../../../apps/runtime/process_end';

const NEVER = new Promise<void>(() => {});

describe('the end of a process', () => {
  let clock: SinonFakeTimers;
  let exit: SinonStub;
  let resources: SinonStub;

  beforeEach(() => {
    clock = useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    exit = stub(process, 'exit');
    // The end of a process waits for pending file operations, and other tests of this process may have some.
    resources = stub(process, 'getActiveResourcesInfo').returns([]);
  });

  afterEach(() => {
    exit.restore();
    resources.restore();
    clock.restore();
    process.exitCode = undefined;
  });

  const codes = (): unknown[] => exit.args.flat();

  it('is immediate if all output is written', async () => {
    await endProcess(ExitCode.failed, { results: [Promise.resolve()], logs: [Promise.resolve()] });
    expect(codes()).to.deep.equal([1]);
  });

  it('waits 300 ms for a log', async () => {
    void endProcess(ExitCode.done, { logs: [NEVER] });
    await clock.tickAsync(299);
    expect(codes()).to.deep.equal([]);
    await clock.tickAsync(1);
    expect(codes()).to.deep.equal([0]);
  });

  it('follows the last write of the log at once', async () => {
    let write = (): void => {};
    const log = new Promise<void>((resolve) => (write = resolve));
    void endProcess(ExitCode.done, { logs: [log] });
    await clock.tickAsync(100);
    expect(codes()).to.deep.equal([]);
    write();
    await clock.tickAsync(0);
    expect(codes()).to.deep.equal([0]);
  });

  it('waits for a result until a stop, and 300 ms longer', async () => {
    const stop = new AbortController();
    void endProcess(ExitCode.done, { results: [NEVER], logs: [Promise.resolve()] }, stop.signal);
    await clock.tickAsync(3_600_000);
    expect(codes()).to.deep.equal([]);
    stop.abort();
    await clock.tickAsync(299);
    expect(codes()).to.deep.equal([]);
    await clock.tickAsync(1);
    expect(codes()).to.deep.equal([0]);
  });

  it('waits 300 ms for a result after an earlier stop', async () => {
    void endProcess(ExitCode.done, { results: [NEVER] }, AbortSignal.abort());
    await clock.tickAsync(300);
    expect(codes()).to.deep.equal([0]);
  });

  it('sets the exit code for an event loop that runs empty before', () => {
    void endProcess(ExitCode.failed, { results: [NEVER] });
    expect(process.exitCode).to.equal(1);
  });
});
