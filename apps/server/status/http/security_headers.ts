/**
 * The headers of every response, for all paths and codes. They forbid caching, embedding, type sniffing and the
 * `Referer` header.
 *
 * @param policy the page's `Content-Security-Policy`. Other responses use it unchanged.
 */
export function securityHeaders(policy: string): Readonly<Record<string, string>> {
  return {
    'Content-Security-Policy': policy,
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cache-Control': 'no-store',
  };
}
