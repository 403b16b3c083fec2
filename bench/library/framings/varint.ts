import { rawBytes, VarintCodec } from '../../../lib/index';
import { type Framing } from './framing';
import { lengthReader } from './length_reader';

/** A varint, and the value. */
export const varint: Framing = {
  codec: new VarintCodec({ maxValueBytes: 8192 }, rawBytes),

  reader: lengthReader(
    (bytes, offset) => {
      let length = 0;
      for (let at = offset, shift = 0; at < bytes.length; at++, shift += 7) {
        const byte = bytes[at]!;
        length += (byte & 0x7f) << shift;
        if (byte < 0x80) return at + 1 - offset + length;
      }
      return 0;
    },
    (bytes, offset, length) => {
      let start = offset;
      while (bytes[start]! >= 0x80) start++;
      return bytes.subarray(start + 1, offset + length);
    },
  ),

  encode(value) {
    const header = [];
    let rest = value.length;
    for (; rest >= 0x80; rest >>= 7) header.push((rest & 0x7f) | 0x80);
    header.push(rest);
    const frame = Buffer.allocUnsafe(header.length + value.length);
    frame.set(header);
    value.copy(frame, header.length);
    return frame;
  },
};
