import { expect } from 'chai';

import { outputOf } from './command';
import { type ComposeStack } from './compose_stack';

/** Prints the rights of its container's first process (proc(5)), and the error of a write to the root file system. */
const SELF_TEST = `
  const { readFileSync, writeFileSync } = require('node:fs');
  const status = readFileSync('/proc/1/status', 'latin1');
  const field = (name) => new RegExp('^' + name + ':\\\\s*(.*)$', 'm').exec(status)[1].split('\\t');
  let write = 'done';
  try { writeFileSync('/app/file', ''); } catch (error) { write = error.code; }
  const capabilities = ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'].map((name) => parseInt(field(name), 16));
  console.log(JSON.stringify({ capabilities, noNewPrivs: field('NoNewPrivs'), uid: field('Uid'), gid: field('Gid'), write }));
`;

/** Tries to connect to each address, and prints the results: `connected`, or the code of the error. */
const CONNECT = (addresses: readonly string[]): string => `
  const { connect } = require('node:net');
  const attempt = (address) => new Promise((resolve) => {
    const [host, port] = address.split(':');
    const socket = connect({ host, port, timeout: 3000 });
    socket.on('connect', () => resolve('connected')).on('error', (error) => resolve(error.code));
    socket.on('timeout', () => resolve('timeout'));
  });
  Promise.all(${JSON.stringify(addresses)}.map(attempt)).then((results) => {
    console.log(JSON.stringify(results));
    process.exit();
  });
`;

/** The images' user: the four ids are the real, effective, saved and file system one. */
const USER = ['1000', '1000', '1000', '1000'];

const CONFINED = { capabilities: [0, 0, 0, 0, 0], noNewPrivs: ['1'], uid: USER, gid: USER, write: 'EROFS' };

/** Requires no right beyond those of an ordinary process, in a new container of a service with Node. */
export async function requireConfined(stack: ComposeStack, service: string): Promise<void> {
  const { code, stdout, stderr } = await stack.script(service, SELF_TEST);
  expect(code, `${service}: ${stderr}`).to.equal(0);
  expect(JSON.parse(stdout), service).to.deep.equal(CONFINED);
}

/** Requires that the engine has taken over the settings of the compose file, for each container of the stack. */
export async function requireLimits(stack: ComposeStack, services: readonly string[]): Promise<void> {
  for (const service of services) {
    const text = await outputOf('docker', ['inspect', '--format', '{{json .HostConfig}}', stack.container(service)]);
    const host = JSON.parse(text) as Record<string, unknown>;
    expect(host, service).to.deep.include({
      ReadonlyRootfs: true,
      Privileged: false,
      CapAdd: null,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges:true'],
      LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '3' } },
    });
    for (const limit of ['Memory', 'PidsLimit']) expect(host[limit], `${limit} of ${service}`).to.be.greaterThan(0);
    expect((host['Ulimits'] as { Name: string }[]).map(({ Name }) => Name)).to.deep.equal(['nofile']);
  }
}

/** The results of connections from a new container of a service, by address. */
export async function connectionsFrom(
  stack: ComposeStack,
  service: string,
  addresses: readonly string[],
): Promise<Record<string, string>> {
  const { code, stdout, stderr } = await stack.script(service, CONNECT(addresses));
  expect(code, stderr).to.equal(0);
  const results = JSON.parse(stdout) as string[];
  return Object.fromEntries(addresses.map((address, index) => [address, results[index]!]));
}

/** The address of a service's container in a network of the stack. */
export async function addressIn(stack: ComposeStack, service: string, network: string): Promise<string> {
  const format = `{{(index .NetworkSettings.Networks "${stack.project}_${network}").IPAddress}}`;
  return (await outputOf('docker', ['inspect', '--format', format, stack.container(service)])).trim();
}
