import { MultiBar } from 'cli-progress';

/** What a bar shows beside how far it is. */
export interface BarPayload {
  /** Whose progress it is. */
  readonly name: string;
  /** Bets a second. */
  readonly rate: number;
  /** In words. */
  readonly state: string;
}

/** How far a bar is; `eta` in seconds, and no number while nothing is known. */
export interface BarProgress {
  readonly value: number;
  readonly total: number;
  readonly eta: unknown;
}

const WIDEST_BAR = 30;
const NARROWEST_BAR = 4;
/** What the words are given before the bar has more than its least. */
const WORDS_LENGTH = 68;
/** What stands there is wiped when the rest of the line is. */
const LAST_COLUMN = 1;
const RATE_LENGTH = 6;
const USUAL_COLUMNS = 80;

const NUMBERS = new Intl.NumberFormat('en');

function number(value: number): string {
  return NUMBERS.format(value);
}

/** Bars in the terminal, all alike: whose, how far, bets, bets a second, time left, and the state in words. */
export function createBars(): MultiBar {
  return new MultiBar({
    format: (_options, progress, payload) =>
      describeBar(progress, payload as BarPayload, (process.stdout.columns || USUAL_COLUMNS) - LAST_COLUMN),
    // No bar is too long for its line; the log's lines above it may be, and are not to be cut.
    linewrap: true,
    hideCursor: true,
    // What cli-progress would only draw later is drawn at the end too.
    forceRedraw: true,
    stream: process.stdout,
  });
}

/**
 * The line of a bar, at most `columns` long. Lines under each other stay aligned; where there is little room, what tells
 * least is left out first, and the state in words is the last to go.
 */
export function describeBar(progress: BarProgress, { name, rate, state }: BarPayload, columns: number): string {
  const { value, total } = progress;
  const part = total === 0 ? 1 : Math.min(1, value / total);
  const percent = `${Math.floor(part * 100)}%`.padStart(4);
  const isUnderWay = value < total && rate > 0;
  const left = isUnderWay ? [`${describeSeconds(progress.eta)} left`] : [];
  const speed = isUnderWay ? [`${number(rate).padStart(RATE_LENGTH)}/s`] : [];
  const most = number(total);
  const stored = number(value).padStart(most.length);
  const bets = value < total ? `${stored}/${most} bets` : `${stored} bets`;
  const bar = drawBar(part, Math.max(NARROWEST_BAR, Math.min(columns - WORDS_LENGTH, WIDEST_BAR)));
  const wordings = [
    [bets, ...speed, ...left, state],
    [stored, ...speed, ...left, state],
    [...speed, ...left, state],
    [...left, state],
    [state],
  ];
  for (const words of wordings) {
    const line = `${name} ${bar} ${percent} ${words.join(', ')}`;
    if (line.length <= columns) return line;
  }
  return `${name} ${percent} ${state}`.slice(0, columns);
}

function drawBar(part: number, size: number): string {
  const done = Math.floor(part * size);
  return '█'.repeat(done) + '░'.repeat(size - done);
}

/** `1:05`, `2:00:00`; `?` while nothing is known. */
function describeSeconds(eta: unknown): string {
  if (typeof eta !== 'number' || !Number.isFinite(eta)) return '?';
  const seconds = Math.round(eta);
  const parts = [Math.floor(seconds / 60) % 60, seconds % 60].map((part) => String(part).padStart(2, '0'));
  const hours = Math.floor(seconds / 3600);
  return hours > 0 ? `${hours}:${parts.join(':')}` : parts.join(':').replace(/^0/, '');
}
