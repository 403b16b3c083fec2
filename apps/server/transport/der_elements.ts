import { CodedError } from '../../runtime/coded_error';

/** An element of the Distinguished Encoding Rules (ITU-T X.690). Tags of several bytes do not occur in certificates. */
export interface DerElement {
  readonly tag: number;
  readonly content: Buffer;
  /** Tag, length and content. */
  readonly encoded: Buffer;
}

/** Bytes that are no DER, or an element other than the expected one. */
export class DerError extends CodedError {
  readonly code = 'DER_INVALID';
}

/** Longer forms of a length do not occur: four bytes suffice for 4 GiB. */
const MOST_LENGTH_BYTES = 4;

/**
 * The elements of a structure, one behind the other. Each content is a view of `bytes`.
 *
 * @throws DerError
 */
export function readElements(bytes: Buffer): DerElement[] {
  const elements: DerElement[] = [];
  for (let offset = 0; offset < bytes.length;) {
    const element = readElement(bytes, offset);
    elements.push(element);
    offset += element.encoded.length;
  }
  return elements;
}

function readElement(bytes: Buffer, offset: number): DerElement {
  const first = bytes[offset + 1];
  const lengthBytes = first === undefined || first < 0x80 ? 0 : first - 0x80;
  const begin = offset + 2 + lengthBytes;
  // 0x80 alone is the indefinite length of BER.
  if (first === undefined || first === 0x80 || lengthBytes > MOST_LENGTH_BYTES || begin > bytes.length) {
    throw new DerError(`no length at byte ${offset}`);
  }
  const end = begin + (lengthBytes === 0 ? first : bytes.readUIntBE(offset + 2, lengthBytes));
  if (end > bytes.length) throw new DerError(`the element at byte ${offset} is cut off`);
  return { tag: bytes[offset]!, content: bytes.subarray(begin, end), encoded: bytes.subarray(offset, end) };
}
