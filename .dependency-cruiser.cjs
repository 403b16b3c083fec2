'use strict';

/**
 * Which file may import which: down only, and never in a circle. Type imports count (`tsPreCompilationDeps`). `make lint`
 * checks it; docs/architecture.md describes the rooms.
 */

const LIB_ROOT = '^lib/(errors|address|arguments)[.]ts$';
const LIB_FRONT_DOORS = '^lib/(index|testing/index)[.]ts$';

/** The rooms of the server without a store; a store is any other room. */
const CORE = 'domain|sessions|stats|status|process|lottery_server';

/** The modules in `from` may import Node's own modules and what `to` allows, and nothing else. */
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
      comment: 'Two modules that need each other are one idea, or lack a third one. Types included.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'resolvable',
      comment: 'Every import leads somewhere.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    allowOnly(
      'lib-alone',
      'The library imports itself and Node: no package, and nothing of its users.',
      '^lib/',
      '^lib/',
    ),
    allowOnly('lib-root', 'Errors, addresses and checks of arguments are the lowest layer.', LIB_ROOT, LIB_ROOT),
    allowOnly('lib-async', 'Waiting uses the errors only.', '^lib/async/', '^lib/async/', LIB_ROOT),
    allowOnly(
      'lib-platform',
      'Workarounds for Node use Node only.',
      '^lib/sockets/platform/',
      '^lib/sockets/platform/',
    ),
    allowOnly(
      'lib-connection',
      'The parts of a connection do not see the sockets.',
      '^lib/sockets/connection/',
      '^lib/sockets/(connection|platform)/',
      '^lib/async/',
      LIB_ROOT,
    ),
    allowOnly('lib-sockets', 'Sockets use nothing above.', '^lib/sockets/', '^lib/(sockets|async)/', LIB_ROOT),
    allowOnly('lib-framing', 'Framing uses sockets.', '^lib/framing/', '^lib/(framing|sockets|async)/', LIB_ROOT),
    allowOnly('lib-testing', 'The doubles use sockets.', '^lib/testing/', '^lib/(testing|sockets|async)/', LIB_ROOT),

    forbid(
      'lib-front-doors',
      'The library is imported through lib/index or lib/testing/index, as its users do.',
      '^(apps|tools|bench|examples)/',
      '^lib/',
      LIB_FRONT_DOORS,
    ),
    forbid(
      'shared-by-both-sides',
      'What both sides share depends on neither.',
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
