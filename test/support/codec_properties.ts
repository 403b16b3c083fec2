import { expect } from 'chai';
import fc from 'fast-check';
import { LimitedDecoder } from '../../lib/framing/frame_limit';
import { type Codec, FrameRefusedError, UnexpectedEofError } from '../../lib/index';
import { type Receiver } from '../../lib/sockets/connection/receiver';
import { receiverWith } from './receivers';
import { expectCode } from './rejection';

export interface CodecCase<Message> {
  readonly name: string;
  readonly codec: Codec<Message>;
  /** Messages that the codec has. */
  readonly messages: fc.Arbitrary<Message>;
  /** A message that is longer than the limit. */
  readonly tooLong: Message;
  /** The beginning of a frame that is longer than the limit, as far as that is needed to know it. */
  readonly tooLongStart: readonly number[];
}

/** Declares the properties that every codec has. */
export function describeCodec<Message>({ name, codec, messages, tooLong, tooLongStart }: CodecCase<Message>): void {
  const decoder = LimitedDecoder.of(codec);

  describe(`the properties of a codec: ${name}`, () => {
    it('a message that is encoded is decoded to itself, at any offset', () => {
      fc.assert(
        fc.property(messages, fc.uint8Array({ maxLength: 20 }), fc.uint8Array(), (message, front, behind) => {
          const frame = codec.encode(message);
          const bytes = Buffer.concat([front, frame, behind]);
          expect(frame.length).to.be.at.most(codec.maxFrameBytes!);
          expect(codec.frameLength(bytes, front.length)).to.equal(frame.length);
          expect(codec.decode(bytes, front.length, frame.length)).to.deep.equal(message);
        }),
      );
    });

    it('messages in any pieces arrive the same, by reads that wait and reads that do not', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(messages, { maxLength: 8 }),
          arbitraryCuts,
          fc.boolean(),
          async (all, cuts, waits) => {
            const { receiver } = receiverWith();
            const reading = waits ? receiveAll(receiver, decoder) : undefined;
            for (const piece of piecesOf(Buffer.concat(all.map((each) => codec.encode(each))), cuts)) {
              receiver.onData(piece);
              await Promise.resolve();
            }
            receiver.onEnd();
            expect(await (reading ?? receiveAll(receiver, decoder))).to.deep.equal(all);
          },
        ),
      );
    });

    it('messages that come byte by byte arrive the same', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(messages, { maxLength: 3 }), async (all) => {
          const { receiver } = receiverWith();
          const reading = receiveAll(receiver, decoder);
          for (const byte of Buffer.concat(all.map((each) => codec.encode(each)))) receiver.onData(Buffer.from([byte]));
          receiver.onEnd();
          expect(await reading).to.deep.equal(all);
        }),
        { numRuns: 30 },
      );
    });

    it('every truncation is an error that counts the bytes', async () => {
      await fc.assert(
        fc.asyncProperty(messages, messages, fc.boolean(), async (first, second, waits) => {
          const whole = codec.encode(first);
          const frame = codec.encode(second);
          for (let cut = 1; cut < frame.length; cut++) {
            const { receiver } = receiverWith();
            receiver.onData(Buffer.concat([whole, frame.subarray(0, cut)]));
            expect(await receiver.receive(decoder, undefined)).to.deep.equal(first);
            if (!waits) receiver.onEnd();
            const reading = receiver.receive(decoder, undefined);
            if (waits) receiver.onEnd();
            const error = (await expectCode(reading, 'UNEXPECTED_EOF')) as UnexpectedEofError;
            expect(error.received).to.equal(cut);
            expect(error.expected).to.be.within(cut + 1, frame.length);
          }
        }),
        { numRuns: 20 },
      );
    });

    it('a frame over the limit is refused before its bytes are waited for, and none is taken', async () => {
      for (const pieces of [[Buffer.from(tooLongStart)], tooLongStart.map((byte) => Buffer.from([byte]))]) {
        const { receiver } = receiverWith();
        const reading = receiver.receive(decoder, undefined);
        for (const piece of pieces) receiver.onData(piece);
        await expectCode(reading, 'FRAME_TOO_LONG');
        await expectCode(receiver.receive(decoder, undefined), 'FRAME_TOO_LONG');
        expect(receiver.bufferedBytes).to.equal(tooLongStart.length);
      }
      expect(() => codec.encode(tooLong))
        .to.throw(FrameRefusedError)
        .with.property('code', 'FRAME_TOO_LONG');
    });

    it('any bytes are messages, a refusal with a code, or an end within a frame that the limit allows', async () => {
      await fc.assert(
        fc.asyncProperty(arbitraryBytes(codec, messages), arbitraryCuts, async (bytes, cuts) => {
          const { receiver } = receiverWith();
          const reading = outcomes(receiver, decoder);
          for (const piece of piecesOf(bytes, cuts)) receiver.onData(piece);
          receiver.onEnd();
          for (const error of await reading) {
            if (error instanceof UnexpectedEofError) expect(error.expected).to.be.at.most(codec.maxFrameBytes!);
            else expect(error).to.be.instanceOf(FrameRefusedError).with.property('code').that.is.a('string');
          }
        }),
        { numRuns: 300 },
      );
    });
  });
}

const arbitraryCuts = fc.array(fc.nat(300), { maxLength: 12 });

/** Random bytes, and frames with some bytes replaced, which come further. */
function arbitraryBytes<Message>(codec: Codec<Message>, messages: fc.Arbitrary<Message>): fc.Arbitrary<Buffer> {
  const change = fc.record({ at: fc.nat(200), byte: fc.nat(255) });
  const changed = fc.tuple(fc.array(messages, { maxLength: 4 }), fc.array(change, { maxLength: 3 }));
  return fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    changed.map(([all, changes]) => {
      const bytes = Buffer.concat(all.map((each) => codec.encode(each)));
      for (const { at, byte } of changes) if (bytes.length > 0) bytes[at % bytes.length] = byte;
      return bytes;
    }),
  );
}

function piecesOf(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const bounds = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((one, other) => one - other), bytes.length];
  return bounds.slice(1).map((to, index) => Buffer.from(bytes.subarray(bounds[index], to)));
}

async function receiveAll<Message>(receiver: Receiver, decoder: LimitedDecoder<Message>): Promise<Message[]> {
  const received = [];
  for (;;) {
    const message = await receiver.receive(decoder, undefined);
    if (message === null) return received;
    received.push(message);
  }
}

/** Receives until the end, or until a refusal that takes no byte; gives all errors. */
async function outcomes<Message>(receiver: Receiver, decoder: LimitedDecoder<Message>): Promise<unknown[]> {
  const errors: unknown[] = [];
  for (let isLast = false; !isLast;) {
    try {
      isLast = (await receiver.receive(decoder, undefined)) === null;
    } catch (error) {
      errors.push(error);
      const { bufferedBytes } = receiver;
      const again = await receiver.receive(decoder, undefined).catch((refused: unknown) => refused);
      isLast = again === null || receiver.bufferedBytes === bufferedBytes;
      if (again instanceof Error) errors.push(again);
    }
  }
  return errors;
}
