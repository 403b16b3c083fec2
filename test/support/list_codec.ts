import { type Codec, type IncompleteFrame } from '../../lib/index';

interface ListPosition extends IncompleteFrame {
  /** The bytes of the complete items, and their number. */
  readonly position: number;
  readonly items: number;
}

/**
 * A codec whose messages have several parts: a byte with the number of items, and each item as a byte of length and its
 * text. It has no limit of its own.
 */
export const listCodec: Codec<readonly string[]> = {
  headerBytes: 1,

  frameLength(bytes: Buffer, offset: number, before?: ListPosition): number | ListPosition {
    let { position, items } = before ?? { position: 1, items: 0 };
    for (; items < bytes[offset]!; items++) {
      const end = position + 1 + (bytes[offset + position] ?? 0);
      if (end > bytes.length - offset) return { atLeast: end, position, items };
      position = end;
    }
    return position;
  },

  decode(bytes, offset) {
    const items = [];
    for (let position = offset + 1; items.length < bytes[offset]!; position += 1 + bytes[position]!) {
      items.push(bytes.toString('latin1', position + 1, position + 1 + bytes[position]!));
    }
    return items;
  },

  encode(items) {
    const parts = items.map((item) => Buffer.from(`${String.fromCharCode(item.length)}${item}`, 'latin1'));
    return Buffer.concat([Buffer.from([items.length]), ...parts]);
  },
};
