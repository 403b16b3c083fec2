import { hostname } from 'node:os';
import { expect } from 'chai';
import { ServedHosts } from '../../../../../../apps/server/status/http/served_hosts';

describe('the hosts of the status server', () => {
  const hosts = new ServedHosts(['Lottery-Box', 'server', 'status.example.org.', '0.0.0.0']);

  const served = {
    'an IPv4 address': ['127.0.0.1', '127.0.0.1:8080', '10.0.0.7:1', '0.0.0.0', '127.0.0.1.'],
    'an IPv6 address': ['[::1]', '[::1]:8080', '[0:0:0:0:0:0:0:1]', '[FE80::1]:80', '[::ffff:127.0.0.1]'],
    localhost: ['localhost', 'localhost:8080', 'LOCALHOST', 'localhost.', 'localhost.:80', 'a.b.localhost:80'],
    'a configured name': ['lottery-box', 'LOTTERY-BOX:80', 'server:8080', 'server.', 'status.example.org'],
    'no name': [''],
  };
  const refused = {
    'another name': ['example.org', 'evil.example:8080', 'status.example.org.evil', 'xstatus.example.org', 'server2'],
    'a name with an address in it': ['127.0.0.1.example.org', 'localhost.example.org', '1.2.3.4.5'],
    'an abbreviated address': ['127.1', '2130706433', '0x7f.0.0.1', '256.0.0.1', '::1', '::1:80'],
    'odd input': ['[', '[]', '[server]', '[::1', '::', ':80', 'server:x', 'server:80:80', 'a@localhost', 'localhost/'],
    'more odd input': ['server,', 'server server', '.', '..localhost', '.localhost', 'localhost..', 'ſerver', '\u0000'],
    'names of objects': ['__proto__', 'constructor'],
  };
  for (const [kind, texts] of Object.entries(served)) {
    it(`are ${kind}`, () => {
      expect(texts.filter((text) => !hosts.serves(text))).to.deep.equal([]);
    });
  }
  for (const [kind, texts] of Object.entries(refused)) {
    it(`are not ${kind}`, () => {
      expect(texts.filter((text) => hosts.serves(text))).to.deep.equal([]);
    });
  }

  it("are those of the settings, and the machine's own name", () => {
    const some = ServedHosts.of({ SERVER_STATUS_IP: 'bound.example', SERVER_STATUS_HOSTS: ['one', 'two.example'] });
    const names = [hostname(), 'bound.example:80', 'one:8080', 'TWO.example', 'localhost', '10.1.2.3'];
    expect(names.filter((name) => !some.serves(name))).to.deep.equal([]);
    const plain = ServedHosts.of({ SERVER_STATUS_IP: '127.0.0.1', SERVER_STATUS_HOSTS: [] });
    expect([...names.slice(1, 4), 'server'].filter((name) => plain.serves(name))).to.deep.equal([]);
  });
});
