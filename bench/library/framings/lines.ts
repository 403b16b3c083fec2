import { LineCodec, rawBytes } from '../../../lib/index';
import { type Framing } from './framing';

const NEW_LINE = 0x0a;

/** Lines. The reader by hand looks at each byte once, and copies a line in several chunks once. */
export const lines: Framing = {
  codec: new LineCodec({ maxLineBytes: 8192 }, rawBytes),

  reader: (onMessage) => {
    let parts: Buffer[] = [];
    return (chunk) => {
      let start = 0;
      for (let end = chunk.indexOf(NEW_LINE); end !== -1; end = chunk.indexOf(NEW_LINE, start)) {
        const last = chunk.subarray(start, end);
        if (parts.length === 0) onMessage(last);
        else onMessage(Buffer.concat([...parts, last]));
        parts = [];
        start = end + 1;
      }
      if (start < chunk.length) parts.push(chunk.subarray(start));
    };
  },

  encode(value) {
    const frame = Buffer.allocUnsafe(value.length + 1);
    value.copy(frame);
    frame[value.length] = NEW_LINE;
    return frame;
  },
};
