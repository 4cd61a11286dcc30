// A load balancer that keeps clients on their server by a cookie, and servers that know nothing of each other.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { io as dial } from 'socket.io-client-v4';
import { launch, pageOf } from './browser.mjs';
import { eventually, freePort } from './cluster.mjs';
import { startServer } from './harness.mjs';

// Either the cookie is the balancer's, or it is ours, which the balancer writes the server's name into, or remembers.
const ways = {
  "haproxy's own cookie": ['cookie balancer insert indirect nocache'],
  'our cookie, with the name of the server': ['cookie io prefix'],
  'our cookie, remembered': ['stick-table type string len 64 size 10k expire 10m', 'stick store-response res.cook(io)', 'stick match req.cook(io)'],
};

async function startBalancer(servers, how) {
  const port = await freePort();
  const dir = await mkdtemp(join(tmpdir(), 'haproxy-'));
  const file = join(dir, 'haproxy.cfg');
  await writeFile(file, [
    'defaults', ' mode http', ' timeout connect 1s', ' timeout client 60s', ' timeout server 60s', ' timeout tunnel 60s', ' option redispatch',
    'frontend all', ` bind 127.0.0.1:${port}`, ' default_backend servers',
    'backend servers', ' balance roundrobin', ...how.map((line) => ` ${line}`),
    ...servers.map(({ name, url }) => ` server ${name} ${new URL(url).host} check inter 200 fall 1 rise 1 cookie ${name}`), '',
  ].join('\n'));
  const child = spawn('haproxy', ['-q', '-db', '-f', file], { stdio: ['ignore', 'ignore', 'inherit'] });
  const url = `http://127.0.0.1:${port}`;
  await eventually('the balancer', () => fetch(`${url}/socket.io/`).then((r) => r.status === 400, () => false));
  return {
    url,
    async stop() {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
      await rm(dir, { recursive: true });
    },
  };
}

for (const [way, how] of Object.entries(ways)) {
  describe(`sticky by ${way}`, () => {
    const servers = [];
    const undo = [];
    let url, browser;

    before(async () => {
      for (const name of ['a', 'b', 'c']) {
        const server = { name, ...(await startServer('-suite', 'browser', '-server', name)) };
        servers.push(server);
        undo.push(() => server.stop());
      }
      const balancer = await startBalancer(servers, how);
      undo.push(() => balancer.stop());
      url = balancer.url;
      browser = await launch();
      undo.push(() => browser.close());
    });
    after(async () => {
      for (const f of undo.reverse()) await f();
    });

    for (const transports of [['polling'], ['polling', 'websocket']]) {
      test(`a client of Node's, ${transports.join(', then ')}`, async (t) => {
        const clients = Array.from({ length: 6 }, () => dial(url, { forceNew: true, transports, withCredentials: true, reconnection: false }));
        t.after(() => clients.forEach((c) => c.disconnect()));
        const homes = await Promise.all(clients.map(async (c) => {
          const [home] = await c.timeout(10_000).emitWithAck('where');
          for (let i = 0; i < 10; i++) assert.equal((await c.timeout(10_000).emitWithAck('where'))[0], home);
          const last = transports.at(-1);
          await eventually(`the last transport, ${last}`, async () => (await c.timeout(10_000).emitWithAck('where'))[1] === last);
          return home;
        }));
        assert.deepEqual([...new Set(homes)].sort(), ['a', 'b', 'c'], 'the balancer spreads clients');
      });

      test(`a page, ${transports.join(', then ')}`, async (t) => {
        const page = await pageOf(browser, url);
        t.after(() => page.close());
        const answers = await page.evaluate(async (transports) => {
          const socket = window.io({ transports, reconnection: false });
          const answers = [];
          for (const end = Date.now() + 10_000; answers.length < 10 || (answers.at(-1)[1] !== transports.at(-1) && Date.now() < end);) {
            answers.push(await socket.timeout(10_000).emitWithAck('where'));
          }
          socket.disconnect();
          return answers;
        }, transports);
        assert.equal(new Set(answers.map(([home]) => home)).size, 1);
        assert.equal(answers.at(-1)[1], transports.at(-1));
      });
    }

    test('without the cookie a client does not get through', async (t) => {
      const lost = dial(url, { forceNew: true, transports: ['polling'], reconnectionDelay: 10 });
      t.after(() => lost.disconnect());
      let failures = 0;
      lost.on('connect_error', () => failures++);
      lost.on('disconnect', () => failures++);
      await eventually('failures', () => failures >= 3);
    });
  });
}
