import { contendersOf, type Framing } from './framing';
import { lengthPrefix } from './length_prefix';
import { lines } from './lines';
import { netstring } from './netstring';
import { varint } from './varint';

const framings: Readonly<Record<string, Framing>> = { lines, 'length prefix': lengthPrefix, varint, netstring };

/** The contenders of each framing, by the name of the framing. */
export const framingContenders = Object.fromEntries(
  Object.entries(framings).map(([name, framing]) => [name, contendersOf(name, framing)]),
);
