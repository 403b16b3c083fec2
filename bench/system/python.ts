import { spawnSync } from 'node:child_process';

export const NO_PYTHON = 'not measured: no python3 of version 3.9 or later';

const QUESTION = 'import sys; print(sys.executable if sys.version_info >= (3, 9) else "")';

let found: string | undefined;

/**
 * The path of this machine's Python interpreter for the baselines, 3.9 or later. The name `python3` may stand for a
 * script that looks for the interpreter (pyenv), which takes longer than the start of Python.
 */
export function findPython(): string | undefined {
  found ??= spawnSync('python3', ['-c', QUESTION], { encoding: 'utf8' }).stdout?.trim() ?? '';
  return found === '' ? undefined : found;
}
