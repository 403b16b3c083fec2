let lastMessage: Promise<void> = Promise.resolve();

/**
 * Sends a message to the parent process over the channel of `child_process.fork`. Without such a parent the call has no
 * effect; a closed channel is not an error. The type of the messages is beside each sender.
 */
export function sendToParent<Message extends object>(message: Message): void {
  if (process.send === undefined || !process.connected) return;
  lastMessage = new Promise((resolve) => process.send!(message, undefined, undefined, () => resolve()));
}

/** Resolves once the system has taken all messages to the parent, or the parent is gone. */
export function parentMessagesWritten(): Promise<void> {
  return lastMessage;
}
