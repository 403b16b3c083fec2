import { type KeyObject, sign, verify } from 'node:crypto';
import * as v from 'valibot';
import { CodedError } from '../../runtime/coded_error';

/** An agency in the record of a draw. It has neither a name nor a document: a winner is the place of its row. */
export interface AgencyStatement {
  readonly agency: number;
  /** The number of its bets. */
  readonly bets: number;
  /** The SHA-256 of its rows, as in the message `D` (docs/protocol.md). */
  readonly digest: string;
  /** The places of its winning rows among its rows, from 1 on, in ascending order. */
  readonly winners: readonly number[];
}

/** The facts of a held draw: the winning number, and every agency in the order of the ids, from 1 on. */
export interface DrawStatement {
  readonly number: number;
  readonly agencies: readonly AgencyStatement[];
}

/** A record of a draw with its signature. */
export interface SignedDraw {
  readonly statement: DrawStatement;
  readonly signature: Buffer;
}

/** The text is no signed record of a draw. */
export class DrawRecordFormatError extends CodedError {
  readonly code = 'DRAW_RECORD_FORMAT';
}

const TYPE = 'lottery-draw';
const VERSION = 1;
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

const SIGNED_DRAW = v.strictObject({
  draw: v.strictObject({
    agencies: v.array(
      v.strictObject({
        agency: v.pipe(count, v.minValue(1)),
        bets: count,
        digest: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
        winners: v.array(v.pipe(count, v.minValue(1))),
      }),
    ),
    number: v.pipe(count, v.maxValue(9999)),
    type: v.literal(TYPE),
    version: v.literal(VERSION),
  }),
  signature: v.pipe(v.string(), v.regex(/^[A-Za-z0-9+/]{86}==$/)),
});

/**
 * The canonical JSON of a draw, over which the signature is made: that of RFC 8785. With only integers and ASCII strings it
 * is JSON without white space, the names of each object in alphabetical order.
 */
export function serializeStatement({ number, agencies }: DrawStatement): string {
  const ordered = agencies.map(({ agency, bets, digest, winners }) => ({ agency, bets, digest, winners }));
  return JSON.stringify({ agencies: ordered, number, type: TYPE, version: VERSION });
}

/**
 * Signs a draw with Ed25519 (RFC 8032), which is deterministic: the same draw and key give the same text.
 *
 * @returns the content of draw.json, one line.
 */
export function signDraw(statement: DrawStatement, key: KeyObject): string {
  const text = serializeStatement(statement);
  return formatSignedDraw(text, sign(null, Buffer.from(text), key));
}

/**
 * Reads a signed record. The signature is not checked.
 *
 * @throws DrawRecordFormatError the text is no record, incomplete, or not in the canonical form.
 */
export function readSignedDraw(text: string): SignedDraw {
  const { draw, signature } = parseRecord(text);
  const signed = { statement: draw, signature: Buffer.from(signature, 'base64') };
  if (formatSignedDraw(serializeStatement(draw), signed.signature) === text) return signed;
  throw new DrawRecordFormatError('the record is not in its canonical form');
}

/** Whether the signature of a record is that of the key's owner. */
export function isSignedBy({ statement, signature }: SignedDraw, key: KeyObject): boolean {
  return verify(null, Buffer.from(serializeStatement(statement)), key, signature);
}

function parseRecord(text: string): v.InferOutput<typeof SIGNED_DRAW> {
  try {
    return v.parse(SIGNED_DRAW, JSON.parse(text));
  } catch (cause) {
    throw new DrawRecordFormatError('it is no complete record of a draw', { cause });
  }
}

function formatSignedDraw(statement: string, signature: Buffer): string {
  return `{"draw":${statement},"signature":"${signature.toString('base64')}"}\n`;
}
