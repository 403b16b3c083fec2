let lastMessage: Promise<void> = Promise.resolve();

/**
 * Tells the process that started this one (over the channel of `child_process.fork`) how far it is. Without such a
 * parent nothing happens; a parent that is gone is no error.
 */
export function sendToParent(message: object): void {
  if (process.send === undefined || !process.connected) return;
  lastMessage = new Promise((resolve) => process.send!(message, undefined, undefined, () => resolve()));
}

/** Resolves once every message to the parent is in the hands of the system, or lost with the parent. */
export function parentMessagesWritten(): Promise<void> {
  return lastMessage;
}
