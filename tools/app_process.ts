import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fchmodSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PRIVATE_FILE_MODE } from '../apps/server/storage/files/disk/private_files';

/** The end of an app: its exit code, or the signal that killed it. */
export type AppEnd = number | NodeJS.Signals;

/** One of the compiled apps in a child process, with its log in a file. */
export class AppProcess {
  /** Resolves when the process has ended. */
  readonly ended: Promise<AppEnd>;
  private readonly child: ChildProcess;

  /**
   * @param program the app's folder in dist/apps.
   * @param onMessage receives the app's messages to its parent.
   */
  constructor(
    program: 'server' | 'client',
    environment: Record<string, string>,
    private readonly logFile: string,
    onMessage: (message: unknown) => void,
  ) {
    const log = openSync(logFile, 'w', PRIVATE_FILE_MODE);
    fchmodSync(log, PRIVATE_FILE_MODE);
    this.child = fork(join(__dirname, '..', 'apps', program, 'main.js'), {
      env: { ...process.env, ...environment },
      stdio: ['ignore', log, log, 'ipc'],
    });
    closeSync(log);
    this.child.on('message', onMessage);
    this.ended = once(this.child, 'exit').then(([code, signal]) => (code ?? signal) as AppEnd);
  }

  /** Sends SIGTERM. After the end of the process it does nothing. */
  stop(): void {
    this.child.kill('SIGTERM');
  }

  /** The last lines of its log. */
  async lastLines(count: number): Promise<string> {
    const lines = (await readFile(this.logFile, 'utf8')).trimEnd().split('\n');
    return lines.slice(-count).join('\n');
  }
}
