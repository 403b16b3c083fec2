import fc from 'fast-check';

/**
 * Arbitrary batches with typical faults; most are nearly correct. Batches of random bytes would all be refused for the
 * same reason.
 */

const names = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      'María José',
      'Ñandú',
      "O'Connor",
      'Li',
      'ß',
      'Ὀδυσσεύς',
      '王',
      '😀',
      'x y',
      'Mª José',
      'a\u00a0',
      'ª',
    ),
  },
  { weight: 2, arbitrary: fc.constantFrom('"a,b"', '"say ""hi"""', '","', '""', '"plain"', '"ünï"', '"""') },
  {
    weight: 1,
    arbitrary: fc.constantFrom('', ' ', '\u00a0', '\u3000\u2003', '\u1680', '\u2028', ' \u00a0a', '\u200b'),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('\u0000', 'a\u0001', '\t', 'a\u007f', '\u0085', 'a\u009f', '\u00adb', '\ufeff'),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('a"b', '"a"b', '"a', 'a"', '"a\nb"', '"a\rb"', '"a\r\nb"', 'a\rb', '\ufeff"a"'),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom('a', 'é', '王', '😀', ' ', '\u00a0'), fc.integer({ min: 99, max: 101 }))
      .map(([character, count]) => character.repeat(count)),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 6 }) },
);

const documents = fc.oneof(
  { weight: 60, arbitrary: fc.integer({ min: 0, max: 999_999_999_999 }).map(String) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('', '0', '000000000000', '1234567890123', '12a', '-1', ' 1', '１２', '"12"', '1.5'),
  },
);

const dates = fc.oneof(
  { weight: 60, arbitrary: fc.constantFrom('1999-03-17', '2000-02-29', '2024-02-29', '1960-12-31', '0001-01-01') },
  {
    weight: 2,
    arbitrary: fc.constantFrom('1900-02-29', '2023-02-29', '2024-02-30', '2024-04-31', '2024-00-10', '2024-13-01'),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('0000-01-01', '2024-01-00', '2024-01-32', '2024-1-1', '24-01-01', '2024/01/01', '', 'x'),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '"2024-01-01"',
      '2024-01-011',
      ' 2024-01-01',
      '2024-01-01 ',
      '2024-01-０1',
      '12024-01-01',
    ),
  },
);

const numbers = fc.oneof(
  { weight: 60, arbitrary: fc.integer({ min: 0, max: 9999 }).map(String) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('0', '0000', '0042', '', '12345', 'x', '-1', ' 7', '7 ', '"7574"', '٣', '7\u0000'),
  },
);

const agencies = fc.oneof(
  { weight: 80, arbitrary: fc.constant('3') },
  {
    weight: 1,
    arbitrary: fc.constantFrom('4', '03', '', '0', '33', '"3"', '+3', '\ufeff3', 'x', '99999999999999999999'),
  },
);

const separators = fc.oneof(
  { weight: 80, arbitrary: fc.constant(',') },
  { weight: 1, arbitrary: fc.constantFrom('', ';', ',,', ', ', ' ,') },
);

const rows = fc
  .tuple(agencies, names, names, documents, dates, numbers, separators)
  .map(([agency, first, last, document, date, number, separator]) => {
    return `${agency},${first},${last}${separator}${[document, date, number].join(',')}`;
  });

const rowBreaks = fc.oneof(
  { weight: 80, arbitrary: fc.constant('\n') },
  { weight: 3, arbitrary: fc.constant('\r\n') },
  { weight: 1, arbitrary: fc.constantFrom('\r', '\n\n', '\n\r', '\r\r\n', ' \n', ',\n', '\u2028', '\u0085') },
);

const texts = fc
  .tuple(fc.array(fc.tuple(rows, rowBreaks), { maxLength: 5 }), fc.boolean(), fc.integer({ min: 0, max: 20 }))
  .map(([parts, isEnded, mark]) => {
    const text = parts.map(([row, end], index) => (index < parts.length - 1 || isEnded ? row + end : row)).join('');
    return mark === 0 ? `\ufeff${text}` : text;
  });

/** The value of a `B`; some are not UTF-8. */
export const arbitraryBatches: fc.Arbitrary<Buffer> = fc
  .tuple(texts, fc.integer({ min: 0, max: 15 }), fc.nat(), fc.constantFrom(0xff, 0xc2, 0x80, 0xed, 0xf8))
  .map(([text, isBroken, position, byte]) => {
    const bytes = Buffer.from(text, 'utf8');
    if (isBroken === 0 && bytes.length > 0) bytes[position % bytes.length] = byte;
    return bytes;
  });
