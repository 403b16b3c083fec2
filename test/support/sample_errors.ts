import * as library from '../../lib/index';

type ErrorClass = new (...args: unknown[]) => Error & { readonly code: string };

/** The classes that have no code of their own. */
const ABSTRACT: readonly unknown[] = [library.SockwrightError, library.SocketError, library.FrameRefusedError];
/** The classes whose constructor takes the operation first. */
const OF_OPERATION: readonly unknown[] = [
  library.AbortedError,
  library.ConnectionLostError,
  library.SocketClosedError,
  library.SocketStateError,
  library.TimedOutError,
];

/** All error classes of the library, the abstract ones among them. */
export function errorClasses(): ErrorClass[] {
  const named = Object.entries(library).filter(([name]) => name.endsWith('Error'));
  return named.map(([, constructor]) => constructor as unknown as ErrorClass);
}

/** One error of each class that is not abstract. */
export function sampleErrors(): InstanceType<ErrorClass>[] {
  return errorClasses()
    .filter((constructor) => !ABSTRACT.includes(constructor))
    .map((constructor) => {
      if (OF_OPERATION.includes(constructor)) return new constructor('send', {}, 1);
      const first = constructor.prototype instanceof library.SocketError ? {} : 'x';
      return new constructor(first, 1, 1, new Error('x'));
    });
}
