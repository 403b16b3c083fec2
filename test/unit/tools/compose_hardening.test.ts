import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { composeFile } from '../../../tools/compose_file';

const TEMPLATE = readFileSync(join(__dirname, '../../../docker-compose.template.yaml'), 'utf8');

interface Service {
  readonly mem_limit: string;
  readonly pids_limit: number;
  readonly ulimits: { readonly nofile: number };
  readonly [key: string]: unknown;
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: Readonly<Record<string, unknown>>;
}

const composed = (servers?: number) => parse(composeFile(TEMPLATE, 3, { servers }), { merge: true }) as Compose;

/** Memory, processes and open files, where they are not the common ones. */
const NODE = ['256m', 128, 1024];
const MONITORING = ['512m', 128, 4096];
const SERVER = ['1g', 128, 16384];
const CLIENTS = { client1: NODE, client2: NODE, client3: NODE, echo: NODE };
const OTHERS = { ...CLIENTS, prometheus: MONITORING, grafana: MONITORING };
/** The network of each service that has only one, and another one than the clients. */
const NETWORK_OF: Readonly<Record<string, string>> = {
  prometheus: 'status_net',
  grafana: 'status_net',
  postgres: 'store_net',
  migrate: 'store_net',
};
const SINGLE = { ...OTHERS, server: SERVER };
const SEVERAL = { ...OTHERS, server1: SERVER, server2: SERVER, migrate: NODE, postgres: ['1g', 256, 4096] };

for (const [title, { services, networks }, limits, stores] of [
  ['one server', composed(), SINGLE, []],
  ['several servers', composed(2), SEVERAL, ['store_net']],
] as const) {
  describe(`the containers of the compose file with ${title}`, () => {
    it('have a limit of memory, of processes and of open files', () => {
      const actual = Object.entries(services).map(([name, service]) => [
        name,
        [service.mem_limit, service.pids_limit, service.ulimits.nofile],
      ]);
      expect(Object.fromEntries(actual)).to.deep.equal(limits);
    });

    for (const [name, service] of Object.entries(services)) {
      it(`have a read-only root, no capability, no new privileges and a log of bounded size: ${name}`, () => {
        expect(service).to.deep.include({
          read_only: true,
          cap_drop: ['ALL'],
          security_opt: ['no-new-privileges:true'],
          logging: { driver: 'json-file', options: { 'max-size': '10m', 'max-file': '3' } },
        });
        expect(service).not.to.have.any.keys('cap_add', 'privileged', 'network_mode', 'pid', 'ipc', 'devices');
      });
    }

    it('have a temporary file system where a program writes outside its volume', () => {
      const writing = Object.entries(services).filter(([, service]) => service['tmpfs'] !== undefined);
      const expected = ['grafana', 'postgres'].filter((name) => name in services);
      expect(writing.map(([name]) => name)).to.have.members(expected);
      for (const [name, { tmpfs }] of writing) {
        for (const mount of tmpfs as string[]) expect(mount, name).to.match(/^\/[\w/]+:mode=1777,size=\d+m$/);
      }
    });

    it('publish ports on the loopback address only', () => {
      const ports = Object.values(services).flatMap((service) => (service['ports'] ?? []) as string[]);
      expect(ports).to.have.length.greaterThan(0);
      for (const port of ports) expect(port).to.match(/^127\.0\.0\.1:/);
    });

    it('have a network for each purpose: bets, status side, database; that of the published ports is the first', () => {
      expect(Object.keys(networks).sort()).to.deep.equal(['status_net', ...stores, 'testing_net']);
      const namesOf = (of: unknown): string[] => (Array.isArray(of) ? (of as string[]) : Object.keys(of as object));
      for (const [name, service] of Object.entries(services)) {
        const isServer = /^server\d*$/.test(name);
        const expected = isServer ? ['testing_net', 'status_net', ...stores] : [NETWORK_OF[name] ?? 'testing_net'];
        expect(namesOf(service['networks']), name).to.have.members(expected);
        if (!isServer) continue;
        // The status port is bound to this name. In the other network it would be an address for the clients.
        const { SERVER_STATUS_IP: bound } = service['environment'] as Record<string, string>;
        const aliases = service['networks'] as Record<string, { aliases: string[] } | null>;
        expect(aliases['status_net']!.aliases).to.deep.equal([bound]);
        expect(aliases['testing_net']?.aliases ?? []).not.to.include(bound);
      }
    });
  });
}
