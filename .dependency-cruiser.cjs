'use strict';

/**
 * The rules of imports: down only, and never in a circle. Type imports count (`tsPreCompilationDeps`). `make lint` checks
 * them; docs/architecture.md describes the rooms.
 */

const LIB_ROOT = '^lib/(errors|address|arguments)[.]ts$';
/** A connection on its way to the program, and the reasons to refuse it. */
const NEW_CONNECTION = '^lib/sockets/serving/(arrival|counters)[.]ts$';
const LIB_ENTRY_POINTS = '^lib/(index|testing/index)[.]ts$';

/** The rooms of the server without a store; a store is any other room. */
const CORE = 'domain|evidence|limits|sessions|stats|status|process|transport|lottery_server';

/** The modules in `from` may import only those in `to` and Node's own modules. */
function allowOnly(name, comment, from, ...to) {
  return { name, comment, severity: 'error', from: { path: from }, to: { pathNot: to, dependencyTypesNot: ['core'] } };
}

/** The modules in `from` must not import those in `to`. */
function forbid(name, comment, from, to, except) {
  return { name, comment, severity: 'error', from: { path: from }, to: { path: to, pathNot: except ?? [] } };
}

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-circle',
      comment: 'Modules in a circle are one idea, or a third module is missing. Type imports count.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'resolvable',
      comment: 'Every import is resolved to a module.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    allowOnly('lib-alone', 'The library imports itself and Node: no package, and no program.', '^lib/', '^lib/'),
    allowOnly('lib-root', 'Errors, addresses and checks of arguments are the lowest layer.', LIB_ROOT, LIB_ROOT),
    allowOnly(
      'lib-async',
      'The asynchronous primitives import the lowest layer only.',
      '^lib/async/',
      '^lib/async/',
      LIB_ROOT,
    ),
    allowOnly(
      'lib-platform',
      'Workarounds for Node import Node only.',
      '^lib/sockets/platform/',
      '^lib/sockets/platform/',
    ),
    allowOnly(
      'lib-connection',
      'The parts of a connection do not import the sockets.',
      '^lib/sockets/connection/',
      '^lib/sockets/(connection|platform)/',
      '^lib/async/',
      LIB_ROOT,
    ),
    allowOnly(
      'lib-streams',
      'The streams of a socket do not import the sockets.',
      '^lib/sockets/streams/',
      '^lib/sockets/streams/',
      '^lib/async/',
      LIB_ROOT,
    ),
    allowOnly(
      'lib-tls',
      'TLS does not import the sockets: of them it has new connections only.',
      '^lib/sockets/tls/',
      '^lib/sockets/(tls|platform)/',
      NEW_CONNECTION,
      '^lib/async/',
      LIB_ROOT,
    ),
    allowOnly(
      'lib-proxy-protocol',
      'The PROXY protocol does not import the sockets: of them it has new connections only.',
      '^lib/sockets/proxy_protocol/',
      '^lib/sockets/(proxy_protocol|platform)/',
      '^lib/sockets/ip_address[.]ts$',
      NEW_CONNECTION,
      LIB_ROOT,
    ),
    allowOnly(
      'lib-sockets',
      'The sockets import neither framing nor the doubles.',
      '^lib/sockets/',
      '^lib/(sockets|async)/',
      LIB_ROOT,
    ),
    allowOnly(
      'lib-framing',
      'Framing does not import the doubles.',
      '^lib/framing/',
      '^lib/(framing|sockets|async)/',
      LIB_ROOT,
    ),
    allowOnly(
      'lib-requests',
      'Requests are above framing, and do not import the doubles.',
      '^lib/requests/',
      '^lib/(requests|framing|sockets|async)/',
      LIB_ROOT,
    ),
    allowOnly(
      'lib-testing',
      'The doubles do not import framing.',
      '^lib/testing/',
      '^lib/(testing|sockets|async)/',
      LIB_ROOT,
    ),

    forbid(
      'lib-entry-points',
      'The library is imported through lib/index or lib/testing/index, as its users do.',
      '^(apps|tools|bench|examples)/',
      '^lib/',
      LIB_ENTRY_POINTS,
    ),
    forbid(
      'shared-by-both-sides',
      'The code of both sides depends on neither side.',
      '^apps/(protocol|runtime)/',
      '^apps/(server|client|echo)/',
    ),
    forbid('server-alone', 'Server and client meet in apps/protocol only.', '^apps/server/', '^apps/(client|echo)/'),
    forbid('client-alone', 'Server and client meet in apps/protocol only.', '^apps/client/', '^apps/(server|echo)/'),
    forbid(
      'core-without-stores',
      'The core of the server imports no store, its errors included: container.ts chooses one.',
      `^apps/server/(${CORE})`,
      '^apps/server/',
      [`^apps/server/(${CORE})`, '^apps/server/(settings|tokens)[.]ts$'],
    ),
    forbid(
      'domain-below',
      'The domain and the stores import nothing of the sessions and the status page.',
      '^apps/server/(domain|storage|stats|process)/',
      '^apps/server/(sessions|status|lottery_server)',
    ),
    forbid(
      'echo-alone',
      'The echo pair needs the library and the runtime only.',
      '^apps/echo/',
      '^apps/(server|client)/',
    ),
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default'] },
  },
};
