import { type Codec } from '../../../lib/index';
import { ANSWER_VALUE, type Contender } from '../contender';
import { framedContender } from '../contenders/framed_contender';
import { netContender, type Reader } from '../contenders/net_contender';

/** A framing: the codec of the library, and the same by hand. */
export interface Framing {
  readonly codec: Codec<Buffer, Uint8Array>;
  readonly reader: Reader;
  readonly encode: (value: Buffer) => Buffer;
}

/** The two contenders of a framing, by name; the reference is the first. */
export function contendersOf(name: string, { codec, reader, encode }: Framing): Readonly<Record<string, Contender>> {
  return {
    [`${name}, raw net`]: netContender(reader, (_type, value) => encode(value)),
    [`${name}, codec`]: framedContender(codec, (value) => value, ANSWER_VALUE),
  };
}
