import { NetstringCodec, rawBytes } from '../../../lib/index';
import { type Framing } from './framing';
import { lengthReader } from './length_reader';

const COLON = ':'.charCodeAt(0);
const COMMA = ','.charCodeAt(0);
const ZERO = '0'.charCodeAt(0);

/** The length in decimal, a colon, the value, a comma. */
export const netstring: Framing = {
  codec: new NetstringCodec({ maxValueBytes: 8192 }, rawBytes),

  reader: lengthReader(
    (bytes, offset) => {
      let length = 0;
      for (let at = offset; at < bytes.length; at++) {
        const byte = bytes[at]!;
        if (byte === COLON) return at + 1 - offset + length + 1;
        length = 10 * length + byte - ZERO;
      }
      return 0;
    },
    (bytes, offset, length) => bytes.subarray(bytes.indexOf(COLON, offset) + 1, offset + length - 1),
  ),

  encode(value) {
    const header = `${value.length}:`;
    const frame = Buffer.allocUnsafe(header.length + value.length + 1);
    frame.write(header, 'latin1');
    value.copy(frame, header.length);
    frame[frame.length - 1] = COMMA;
    return frame;
  },
};
