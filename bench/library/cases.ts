/** A measured exchange of messages. */
export interface Case {
  readonly name: string;
  readonly valueBytes: number;
  /** The maximum number of unanswered messages; 1 is stop-and-wait. */
  readonly window: number;
}

export const cases: readonly Case[] = [
  { name: '20 B ping-pong', valueBytes: 13, window: 1 },
  { name: '8 kB stop-and-wait', valueBytes: 8192, window: 1 },
  { name: '8 kB, 4 in flight', valueBytes: 8192, window: 4 },
  { name: '8 kB, 16 in flight', valueBytes: 8192, window: 16 },
  { name: '8 kB, 64 in flight', valueBytes: 8192, window: 64 },
];
