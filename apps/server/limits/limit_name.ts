/** The limits that end, refuse or slow a session: the label `limit` of the metric `lottery_limited_total`. */
export const LIMIT_NAMES = [
  'sessions',
  'handshakes',
  'address_sessions',
  'address_connects',
  'address_refusals',
  'address_bytes',
  'address_messages',
  'agency_sessions',
  'agency_connects',
  'agency_refusals',
  'agency_bytes',
  'agency_messages',
  'unnamed',
  'lifetime',
  'proxy_header',
] as const;

export type LimitName = (typeof LIMIT_NAMES)[number];
