'use strict';

/**
 * Preloaded in the programs of the documentation: a fixed port, 4000 for instance, becomes a free one, for listeners and
 * for connections of the same process. The programs can run side by side.
 */
const net = require('node:net');

/** The free port in place of each fixed one. */
const ports = new Map();

const { listen } = net.Server.prototype;
net.Server.prototype.listen = function (options, ...rest) {
  if (typeof options !== 'object') throw new TypeError('listen: the documentation passes options');
  const { port } = options;
  if (!port) return listen.call(this, options, ...rest);
  this.once('listening', () => ports.set(port, this.address().port));
  return listen.call(this, { ...options, port: 0 }, ...rest);
};

const { connect } = net.Socket.prototype;
net.Socket.prototype.connect = function (first, ...rest) {
  // net.connect passes its arguments on as one array, tls.connect passes an object.
  const options = Array.isArray(first) ? first[0] : first;
  options.port = ports.get(options.port) ?? options.port;
  return connect.call(this, first, ...rest);
};
