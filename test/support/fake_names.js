'use strict';

/**
 * Loaded into a program by `node --require`: host names with the addresses of the JSON file FAKE_NAMES, which is read at
 * each look-up (`{"lottery": ["127.0.0.1", "127.0.0.2"]}`). All other names are the system's.
 */
const dns = require('node:dns');
const { readFileSync } = require('node:fs');
const { isIP } = require('node:net');

const { lookup } = dns;

dns.lookup = (host, options, callback) => {
  const names = JSON.parse(readFileSync(process.env.FAKE_NAMES, 'utf8'));
  if (!Object.hasOwn(names, host)) return lookup(host, options, callback);
  const found = names[host].map((address) => ({ address, family: isIP(address) }));
  process.nextTick(callback, null, found);
};
