/** A measured exchange of messages. */
export interface Case {
  readonly name: string;
  readonly valueBytes: number;
  /** The maximum number of unanswered messages; 1 is stop-and-wait. */
  readonly window: number;
}

const tlvCases: readonly Case[] = [
  { name: '20 B ping-pong', valueBytes: 13, window: 1 },
  { name: '8 kB stop-and-wait', valueBytes: 8192, window: 1 },
  { name: '8 kB, 4 in flight', valueBytes: 8192, window: 4 },
  { name: '8 kB, 16 in flight', valueBytes: 8192, window: 16 },
  { name: '8 kB, 64 in flight', valueBytes: 8192, window: 64 },
];

const framingCases: readonly Case[] = [
  { name: '13 B ping-pong', valueBytes: 13, window: 1 },
  { name: '100 B, 16 in flight', valueBytes: 100, window: 16 },
  { name: '8 kB, 16 in flight', valueBytes: 8192, window: 16 },
];

/** The cases of a group of contenders. */
export function casesOf(group: string): readonly Case[] {
  return group === 'tlv' ? tlvCases : framingCases;
}
