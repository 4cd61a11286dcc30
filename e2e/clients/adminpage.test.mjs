// The official page of @socket.io/admin-ui in a real browser: it is connected to one of our servers, and shows and commands those of a
// whole cluster, in which Node runs besides ours.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { extname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { instrument } from '@socket.io/admin-ui';
import { createAdapter } from '@socket.io/redis-adapter';
import { createClient } from 'redis';
import { Server } from 'socket.io';
import { io as dial } from 'socket.io-client-v4';
import { launch } from './browser.mjs';
import { eventually, startRedis } from './cluster.mjs';
import { startServer } from './harness.mjs';

const dist = join(createRequire(import.meta.url).resolve('@socket.io/admin-ui'), '../../ui/dist');
const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.png': 'image/png' };
const undo = [];
let go, node, site, page;

async function serve(handler) {
  const server = createServer(handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  undo.push(() => server.close());
  return { server, url: `http://127.0.0.1:${server.address().port}` };
}

/** Node's server with Node's admin UI, on the same Redis. */
async function startNode(redis) {
  const pub = createClient({ url: `redis://${redis}` });
  const sub = pub.duplicate();
  await Promise.all([pub.connect(), sub.connect()]);
  const { server, url } = await serve();
  const io = new Server(server, { adapter: createAdapter(pub, sub) });
  undo.push(async () => {
    await io.close();
    await Promise.all([pub.close(), sub.close()]);
  });
  instrument(io, { auth: false, mode: 'development', serverId: 'node-server' });
  io.on('connection', (socket) => {
    socket.on('join', (_, ack) => {
      socket.join('lobby');
      ack(socket.id);
    });
  });
  return { io, url };
}

before(async () => {
  const redis = await startRedis();
  undo.push(() => redis.stop());
  go = await startServer('-suite', 'adminui', '-redis', redis.addr, '-server', 'go-server');
  undo.push(() => go.stop());
  node = await startNode(redis.addr);
  site = await serve(async (req, res) => {
    const path = req.url === '/' ? '/index.html' : req.url;
    const body = await readFile(join(dist, path)).catch(() => undefined);
    res.writeHead(body ? 200 : 404, { 'content-type': types[extname(path)] ?? 'application/octet-stream' }).end(body);
  });
  connect(node.url); // the page begins with the namespace of a socket that there is
  const browser = await launch();
  undo.push(() => browser.close());
  page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  page.setDefaultTimeout(20_000);
  await page.route(/googleapis|jsdelivr/, (route) => route.abort()); // its fonts and icons are elsewhere
});
after(async () => {
  for (const f of undo.reverse()) await f();
});

function connect(url) {
  const socket = dial(url, { forceNew: true, transports: ['websocket'], reconnection: false });
  undo.push(() => socket.disconnect());
  return socket;
}

const open = (path) => page.goto(`${site.url}/#${path}`);
const row = (...texts) => texts.reduce((rows, text) => rows.filter({ hasText: text }), page.locator('main tr'));
const text = (locator) => locator.innerText({ timeout: 1000 }).catch(() => '');

/** Waits until a row of the page's table says something. */
const says = (which, what) => eventually(`${which} to say ${what}`, async () => what.test(await text(row(which))));

test('nobody gets in without the password', async () => {
  await open('/');
  await page.getByLabel('Server URL').fill(go.url);
  await page.getByLabel('Username').fill('admin');
  await page.getByLabel('Password').fill('wrong');
  await page.getByRole('button', { name: 'Connect' }).click();
  await page.getByText('invalid credentials').waitFor();
  await page.getByLabel('Password').fill('secret');
  await page.getByRole('button', { name: 'Connect' }).click();
  await page.getByRole('banner').getByText(/^\s*connected\s*$/i).first().waitFor();
});

test('the numbers of both servers, and they are live', async () => {
  await open('/servers/');
  await says('go-server', /\s1\s.*HEALTHY/s); // the page itself
  await says('node-server', /\s1\s.*HEALTHY/s);
  const clients = [connect(go.url), connect(node.url), connect(node.url)];
  await says('go-server', /\s2\s.*HEALTHY/s);
  await says('node-server', /\s3\s.*HEALTHY/s);
  await open('/');
  await eventually('four sockets in the main namespace', async () => /# of sockets\s+\/\s+4\s/.test(await text(page.locator('main'))));
  for (const c of clients) c.disconnect();
  await open('/servers/');
  await says('node-server', /\s1\s.*HEALTHY/s);
});

for (const name of ['Go', 'Node']) {
  test(`a socket of ${name}: what it does is told, and it is commanded`, async () => {
    const socket = connect(name === 'Go' ? go.url : node.url);
    await once(socket, 'connect');
    const { id } = socket;

    await open('/sockets/');
    await row(id).waitFor();
    assert.match(await text(row(id)), /127\.0\.0\.1\s+WebSocket/);

    await open('/events/');
    await socket.emitWithAck('join', 'by itself');
    for (const kind of ['event received', 'room joined']) await row(id, new RegExp(kind, 'i')).first().waitFor();

    await open(`/n/%2F/sockets/${id}`);
    await row(/^lobby/).waitFor(); // which it joined before this was looked at
    await page.getByLabel('Join a room').fill('by the page');
    await page.locator('main form button[type=submit]').click();
    await row('by the page').waitFor();
    const rooms = async () => [...(await node.io.in(id).fetchSockets())[0].rooms].sort();
    await eventually('the join', async () => (await rooms()).includes('by the page'));
    await row('by the page').getByRole('button').click(); // which also opens the room's page
    await row('Status').getByText('Deleted').waitFor();
    assert.deepEqual(await rooms(), [id, 'lobby'].sort());
    await open(`/n/%2F/sockets/${id}`);
    await row(/^lobby/).waitFor();
    await row('by the page').first().waitFor({ state: 'detached' });

    const reason = once(socket, 'disconnect');
    await row('Status').nth(1).getByRole('button').click();
    assert.deepEqual((await reason)[0], 'io server disconnect');
    await row('Status').nth(1).getByText('Disconnected').waitFor();
    assert.deepEqual(await node.io.in(id).fetchSockets(), []);
  });
}

test('who was let in once comes back without the password', async () => {
  await open('/servers/');
  await page.reload();
  await says('go-server', /HEALTHY/);
  await says('node-server', /HEALTHY/);
});
