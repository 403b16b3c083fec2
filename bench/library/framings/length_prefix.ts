import { LengthPrefixCodec, rawBytes } from '../../../lib/index';
import { type Framing } from './framing';
import { lengthReader } from './length_reader';

/** 4 bytes of length in network byte order, and the value. */
export const lengthPrefix: Framing = {
  codec: new LengthPrefixCodec({ lengthBytes: 4, maxFrameBytes: 8196 }, rawBytes),

  reader: lengthReader(
    (bytes, offset) => (bytes.length - offset < 4 ? 0 : 4 + bytes.readUInt32BE(offset)),
    (bytes, offset, length) => bytes.subarray(offset + 4, offset + length),
  ),

  encode(value) {
    const frame = Buffer.allocUnsafe(4 + value.length);
    frame.writeUInt32BE(value.length);
    value.copy(frame, 4);
    return frame;
  },
};
