import { InvalidValueError } from './errors';
import { decodeUtf8, type ValueFormat } from './value_format';

/**
 * The value is JSON (RFC 8259) in UTF-8. The limit of the codec bounds its size.
 *
 * @param validate checks a received value, and gives it its type: the `parse` of a schema library, for instance. Its error
 * refuses the message (`InvalidValueError`). Without it, a peer can send any JSON.
 */
export function json<In, Out = In>(validate?: (value: unknown) => In): ValueFormat<In, Out> {
  return {
    encode: encodeJson,
    decode(bytes) {
      const value = parseJson(decodeUtf8(bytes));
      return validate === undefined ? (value as In) : validated(value, validate);
    },
  };
}

/** @throws InvalidValueError the value has no JSON: `undefined`, a function, a circle, a BigInt. */
function encodeJson(value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    throw new InvalidValueError('the value has no JSON', cause);
  }
  if (text === undefined) throw new InvalidValueError(`${typeof value} has no JSON`);
  return text;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new InvalidValueError('the text is not JSON', cause);
  }
}

function validated<In>(value: unknown, validate: (value: unknown) => In): In {
  try {
    return validate(value);
  } catch (cause) {
    throw new InvalidValueError('the JSON is not a value of the protocol', cause);
  }
}
