import { spawnSync } from 'node:child_process';

/** The command for promtool: that of Debian, or the value of PROMTOOL. */
const PROMTOOL = process.env['PROMTOOL'] ?? 'promtool';

/** The reason why promtool is not available, or undefined. */
export function whyNoPromtool(): string | undefined {
  const { error } = spawnSync(PROMTOOL, ['--version']);
  return error === undefined ? undefined : `no ${PROMTOOL} (apt-get install prometheus)`;
}

/** The faults found by promtool; empty if there is none. */
export function promtool(args: readonly string[], input = ''): string {
  const { status, stdout, stderr } = spawnSync(PROMTOOL, args, { input, encoding: 'utf8' });
  return status === 0 ? '' : `${stdout}${stderr}exit code ${status}`;
}
