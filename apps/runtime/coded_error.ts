/** The base class of the apps' errors, with a stable `code` for programs. Its `name` is the name of its class. */
export abstract class CodedError extends Error {
  abstract readonly code: string;

  /** @param options `cause`: the underlying error. */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}
