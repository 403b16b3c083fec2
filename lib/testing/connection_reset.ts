/** The error with which a real connection reports a reset. */
export function connectionReset(syscall: 'read' | 'write'): Error {
  return Object.assign(new Error(`${syscall} ECONNRESET`), { code: 'ECONNRESET', syscall });
}
