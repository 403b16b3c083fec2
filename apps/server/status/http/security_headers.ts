/**
 * The headers of every answer of the status side, whatever its path and status: nothing is kept, embedded, or taken for
 * another type, and the next site is not told where its visitor was before.
 *
 * @param policy the page's `Content-Security-Policy`; on other answers it forbids all that they do not have anyway.
 */
export function securityHeaders(policy: string): Readonly<Record<string, string>> {
  return {
    'Content-Security-Policy': policy,
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cache-Control': 'no-store',
  };
}
