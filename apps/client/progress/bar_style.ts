import { MultiBar } from 'cli-progress';

/** The texts and numbers of a bar beside its progress. */
export interface BarPayload {
  /** The name of the agency, or of the group of agencies. */
  readonly name: string;
  /** Bets a second. */
  readonly rate: number;
  /** The state of the agency as a text. */
  readonly state: string;
}

/** The progress of a bar in bets. `eta` is in seconds; cli-progress passes a text while it is unknown. */
export interface BarProgress {
  readonly value: number;
  readonly total: number;
  readonly eta: unknown;
}

const WIDEST_BAR = 30;
const NARROWEST_BAR = 4;
/** Columns of the text. The bar is wider than its minimum only in a terminal with more columns. */
const TEXT_LENGTH = 68;
/** The last column stays empty, because clearing the rest of a line clears it too. */
const LAST_COLUMN = 1;
const RATE_LENGTH = 6;
const USUAL_COLUMNS = 80;

const NUMBERS = new Intl.NumberFormat('en');

function number(value: number): string {
  return NUMBERS.format(value);
}

/** Creates bars for the terminal: name, bar, percentage, bets, rate, time left and state. */
export function createBars(): MultiBar {
  return new MultiBar({
    format: (_options, progress, payload) =>
      describeBar(progress, payload as BarPayload, (process.stdout.columns || USUAL_COLUMNS) - LAST_COLUMN),
    // A bar always fits into its line. Long lines of the log above it must not be cut.
    linewrap: true,
    hideCursor: true,
    // Draws the last update at the end, even within the redraw interval of cli-progress.
    forceRedraw: true,
    stream: process.stdout,
  });
}

/**
 * The line of a bar, at most `columns` long. The columns of several bars are aligned. In a narrow terminal the least
 * important texts are left out first, and the state last.
 */
export function describeBar(progress: BarProgress, { name, rate, state }: BarPayload, columns: number): string {
  const { value, total } = progress;
  const fraction = total === 0 ? 1 : Math.min(1, value / total);
  const percent = `${Math.floor(fraction * 100)}%`.padStart(4);
  const isRunning = value < total && rate > 0;
  const timeLeft = isRunning ? [`${formatSeconds(progress.eta)} left`] : [];
  const speed = isRunning ? [`${number(rate).padStart(RATE_LENGTH)}/s`] : [];
  const maximum = number(total);
  const stored = number(value).padStart(maximum.length);
  const bets = value < total ? `${stored}/${maximum} bets` : `${stored} bets`;
  const bar = drawBar(fraction, Math.max(NARROWEST_BAR, Math.min(columns - TEXT_LENGTH, WIDEST_BAR)));
  const variants = [
    [bets, ...speed, ...timeLeft, state],
    [stored, ...speed, ...timeLeft, state],
    [...speed, ...timeLeft, state],
    [...timeLeft, state],
    [state],
  ];
  for (const texts of variants) {
    const line = `${name} ${bar} ${percent} ${texts.join(', ')}`;
    if (line.length <= columns) return line;
  }
  return `${name} ${percent} ${state}`.slice(0, columns);
}

function drawBar(fraction: number, size: number): string {
  const done = Math.floor(fraction * size);
  return '█'.repeat(done) + '░'.repeat(size - done);
}

/** `1:05`, `2:00:00`; `?` for an unknown time. */
function formatSeconds(eta: unknown): string {
  if (typeof eta !== 'number' || !Number.isFinite(eta)) return '?';
  const seconds = Math.round(eta);
  const parts = [Math.floor(seconds / 60) % 60, seconds % 60].map((part) => String(part).padStart(2, '0'));
  const hours = Math.floor(seconds / 3600);
  return hours > 0 ? `${hours}:${parts.join(':')}` : parts.join(':').replace(/^0/, '');
}
