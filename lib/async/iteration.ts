/** The step of an iteration for the result of a read, where `null` is the end. */
export function toIteration<Content>(content: Content | null): IteratorResult<Content, void> {
  return content === null ? { done: true, value: undefined } : { done: false, value: content };
}
