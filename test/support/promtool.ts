import { spawnSync } from 'node:child_process';

/** Debian's promtool, or the one that PROMTOOL names. */
const PROMTOOL = process.env['PROMTOOL'] ?? 'promtool';

/** Why nothing can be checked with promtool; undefined where it is there. */
export function whyNoPromtool(): string | undefined {
  const { error } = spawnSync(PROMTOOL, ['--version']);
  return error === undefined ? undefined : `no ${PROMTOOL} (apt-get install prometheus)`;
}

/** What promtool finds wrong: nothing where all is well. */
export function promtool(args: readonly string[], input = ''): string {
  const { status, stdout, stderr } = spawnSync(PROMTOOL, args, { input, encoding: 'utf8' });
  return status === 0 ? '' : `${stdout}${stderr}exit code ${status}`;
}
