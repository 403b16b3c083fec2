import fc from 'fast-check';
import {
  json,
  LengthPrefixCodec,
  LineCodec,
  NetstringCodec,
  numericType,
  rawBytes,
  TlvCodec,
  utf8Text,
  type ValueFormat,
  VarintCodec,
} from '../../../../lib/index';
import { describeCodec } from '../../../support/codec_properties';

const LIMIT = 300;
const bytes: ValueFormat<Buffer> = rawBytes;
const value = fc.uint8Array({ maxLength: LIMIT, size: 'max' }).map((content) => Buffer.from(content));
const tooLong = Buffer.alloc(LIMIT + 1, 'x');
const text = fc.string({ unit: 'binary', maxLength: LIMIT / 4 });
const line = text.filter((each) => !each.includes('\n'));

/** A big-endian number of `size` bytes. */
function number(size: number, content: number): number[] {
  const field = Buffer.alloc(size);
  field.writeUIntBE(content, 0, size);
  return [...field];
}

function xs(count: number): number[] {
  return [...Buffer.alloc(count, 'x')];
}

describeCodec({
  name: 'lines that \\n ends',
  codec: new LineCodec({ maxLineBytes: LIMIT }, utf8Text),
  messages: line,
  tooLong: 'x'.repeat(LIMIT + 1),
  tooLongStart: xs(LIMIT + 1),
});

describeCodec({
  name: 'lines that \\r\\n ends',
  codec: new LineCodec({ delimiter: '\r\n', maxLineBytes: LIMIT }, utf8Text),
  messages: text.filter((each) => !each.includes('\r\n')),
  tooLong: 'x'.repeat(LIMIT + 1),
  tooLongStart: xs(LIMIT + 2),
});

describeCodec({
  name: 'lines that \\n or \\r\\n ends',
  codec: new LineCodec({ trimCarriageReturn: true, maxLineBytes: LIMIT }, utf8Text),
  messages: line.filter((each) => !each.endsWith('\r')),
  tooLong: 'x'.repeat(LIMIT + 1),
  tooLongStart: xs(LIMIT + 2),
});

describeCodec({
  name: 'lines that three bytes end, which may overlap',
  codec: new LineCodec({ delimiter: 'aba', maxLineBytes: LIMIT }, utf8Text),
  messages: fc
    .string({ unit: fc.constantFrom('a', 'b'), maxLength: 40 })
    .filter((each) => `${each}aba`.indexOf('aba') === each.length),
  tooLong: 'x'.repeat(LIMIT + 1),
  tooLongStart: xs(LIMIT + 3),
});

for (const lengthBytes of [2, 3, 4, 5, 6]) {
  describeCodec({
    name: `a length of ${lengthBytes} bytes in front of bytes`,
    codec: new LengthPrefixCodec({ lengthBytes, maxFrameBytes: lengthBytes + LIMIT }, bytes),
    messages: value,
    tooLong,
    tooLongStart: number(lengthBytes, LIMIT + 1),
  });
}

describeCodec({
  name: 'a length of 1 byte in front of bytes',
  codec: new LengthPrefixCodec({ lengthBytes: 1, maxFrameBytes: 101 }, bytes),
  messages: fc.uint8Array({ maxLength: 100 }).map((content) => Buffer.from(content)),
  tooLong,
  tooLongStart: [101],
});

describeCodec({
  name: 'a length of the frame in little-endian, behind a fixed header, and an adjustment',
  codec: new LengthPrefixCodec(
    {
      lengthBytes: 2,
      byteOrder: 'little-endian',
      lengthOffset: 3,
      lengthOf: 'frame',
      lengthAdjustment: 4,
      skippedBytes: 6,
      header: Buffer.from('HDR\0\0!'),
      maxFrameBytes: 6 + LIMIT,
    },
    bytes,
  ),
  messages: value,
  tooLong,
  tooLongStart: [0, 0, 0, (3 + LIMIT) & 0xff, (3 + LIMIT) >> 8],
});

describeCodec({
  name: 'a varint in front of bytes',
  codec: new VarintCodec({ maxValueBytes: LIMIT }, bytes),
  messages: value,
  tooLong,
  tooLongStart: [0xad, 0x02],
});

describeCodec({
  name: 'netstrings',
  codec: new NetstringCodec({ maxValueBytes: LIMIT }, bytes),
  messages: value,
  tooLong,
  tooLongStart: [...Buffer.from('301')],
});

describeCodec({
  name: 'type, length and value, with a type of text',
  codec: new TlvCodec({ typeBytes: 2, lengthBytes: 3, byteOrder: 'big-endian', maxValueBytes: LIMIT }, utf8Text),
  messages: fc.record({ type: fc.string({ unit: 'binary-ascii', minLength: 2, maxLength: 2 }), value: text }),
  tooLong: { type: 'AB', value: 'x'.repeat(LIMIT + 1) },
  tooLongStart: [0x41, 0x42, ...number(3, LIMIT + 1)],
});

describeCodec({
  name: 'type, length and value, with a numeric type and JSON',
  codec: new TlvCodec(
    {
      typeBytes: 2,
      typeFormat: numericType,
      lengthBytes: 2,
      byteOrder: 'little-endian',
      maxValueBytes: LIMIT,
    },
    json<unknown>(),
  ),
  messages: fc
    .record({ type: fc.nat(65_535), value: fc.jsonValue({ maxDepth: 2 }) })
    .map(({ type, value: any }) => ({ type, value: JSON.parse(JSON.stringify(any)) as unknown }))
    .filter(({ value: any }) => Buffer.byteLength(JSON.stringify(any)) <= LIMIT),
  tooLong: { type: 1, value: 'x'.repeat(LIMIT) },
  tooLongStart: [1, 0, (LIMIT + 1) & 0xff, (LIMIT + 1) >> 8],
});
