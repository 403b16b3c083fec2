import { MultiBar } from 'cli-progress';

/** Bars in the terminal, all alike: what `name` says, how far, bets a second, time left, and the `state` in words. */
export function createBars(name: string): MultiBar {
  return new MultiBar({
    format: `${name} {bar} {percentage}% {value}/{total} bets, {rate}/s, {eta_formatted} left, {state}`,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 24,
    hideCursor: true,
    // What cli-progress would only draw later is drawn at the end too.
    forceRedraw: true,
    stream: process.stdout,
    formatTime: describeSeconds,
  });
}

/** `1:05`; nothing is known while nothing has been done, and cli-progress has no number then. */
function describeSeconds(seconds: unknown): string {
  if (typeof seconds !== 'number' || !Number.isFinite(seconds)) return '?';
  const minutes = Math.floor(seconds / 60);
  return `${minutes}:${String(Math.round(seconds % 60)).padStart(2, '0')}`;
}
