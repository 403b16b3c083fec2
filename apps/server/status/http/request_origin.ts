import { type IncomingHttpHeaders } from 'node:http';

/**
 * Whether a page of another site has caused the request. Browsers say so in `Sec-Fetch-Site` (W3C Fetch Metadata), which
 * they send to trustworthy addresses only, and in the `Origin` of each POST (RFC 6454). Clients without pages have neither.
 *
 * @param host the host of the request, with its port.
 */
export function isFromOtherSite(headers: IncomingHttpHeaders, host: string): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site !== 'same-origin';
  const { origin } = headers;
  if (origin === undefined) return false;
  // The scheme may differ: a proxy can add TLS.
  return !URL.canParse(origin) || new URL(origin).host !== host.toLowerCase();
}
