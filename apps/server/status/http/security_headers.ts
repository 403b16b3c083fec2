/** Features of browsers that no document of the status server uses. */
const UNUSED_FEATURES = [
  ...['accelerometer', 'autoplay', 'camera', 'display-capture', 'encrypted-media', 'fullscreen', 'gamepad'],
  ...['geolocation', 'gyroscope', 'hid', 'idle-detection', 'magnetometer', 'microphone', 'midi', 'payment'],
  ...['picture-in-picture', 'publickey-credentials-get', 'screen-wake-lock', 'serial', 'sync-xhr', 'usb'],
  ...['web-share', 'xr-spatial-tracking'],
];

/**
 * The headers of every response, for all paths and codes: those of the OWASP Secure Headers Project. They forbid caching,
 * embedding, access by other sites, type sniffing, the `Referer` header and the features of browsers.
 *
 * @param policy the page's `Content-Security-Policy`. Other responses use it unchanged.
 * @param usesTls whether browsers may reach this name by https alone from now on.
 * @param hasForms whether browsers send forms: without a policy for the referrer of their own site, their `Origin` is `null`.
 */
export function securityHeaders(
  policy: string,
  { usesTls = false, hasForms = false } = {},
): Readonly<Record<string, string>> {
  return {
    'Content-Security-Policy': policy,
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    'X-Permitted-Cross-Domain-Policies': 'none',
    'Referrer-Policy': hasForms ? 'same-origin' : 'no-referrer',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Embedder-Policy': 'require-corp',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Permissions-Policy': UNUSED_FEATURES.map((feature) => `${feature}=()`).join(', '),
    'Cache-Control': 'no-store',
    ...(usesTls && { 'Strict-Transport-Security': 'max-age=31536000' }),
  };
}
