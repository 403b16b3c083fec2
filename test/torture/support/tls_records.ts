const HEADER_BYTES = 5;
const CHANGE_CIPHER_SPEC = 20;

/**
 * The bytes of TLS records that the Finished of a handshake, or their own encryption, protects: without the records
 * ChangeCipherSpec, which a receiver of TLS 1.3 drops (RFC 8446 section 5), and without the version of each record, which
 * it must ignore (section 5.1).
 */
export function protectedBytes(records: Buffer): Buffer {
  const kept: Buffer[] = [];
  for (let at = 0; at < records.length;) {
    const isWhole = at + HEADER_BYTES <= records.length;
    const end = isWhole ? at + HEADER_BYTES + records.readUInt16BE(at + 3) : records.length;
    if (records[at] !== CHANGE_CIPHER_SPEC) {
      kept.push(records.subarray(at, at + 1), records.subarray(at + 3, end));
    }
    at = end;
  }
  return Buffer.concat(kept);
}
