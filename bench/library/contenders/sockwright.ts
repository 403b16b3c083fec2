import { rawBytes, TlvCodec } from '../../../lib/index';
import { ANSWER_VALUE } from '../contender';
import { framedContender } from './framed_contender';

const codec = new TlvCodec({ typeBytes: 1, lengthBytes: 6, byteOrder: 'little-endian', maxValueBytes: 8192 }, rawBytes);

/** This library with a `FramedSocket`, as in its guide. */
export const sockwright = framedContender(codec, (value) => ({ type: 'M', value }), { type: 'A', value: ANSWER_VALUE });
