// The admin UI's server side, talked to with the client that the official page is built on.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { startServer } from './harness.mjs';

const require = createRequire(import.meta.url);
const { io } = require('socket.io-client-v4');
const parsers = { json: undefined, msgpack: require('socket.io-msgpack-parser') };

/** Keeps all events, so that none is missed, and finds one. */
function watch(socket) {
  const seen = [];
  let wake = () => {};
  socket.onAny((...event) => {
    seen.push(event);
    wake();
  });
  return async (name, matches = () => true) => {
    const deadline = Date.now() + 10_000;
    for (;;) {
      const found = seen.find((e) => e[0] === name && matches(...e.slice(1)));
      if (found) return found.slice(1);
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`${name} did not come`);
      let timer;
      await new Promise((resolve) => {
        wake = resolve;
        timer = setTimeout(resolve, left);
      });
      clearTimeout(timer);
    }
  };
}

const refusal = (socket) => new Promise((resolve) => socket.once('connect_error', (e) => resolve(e.message)));

for (const [name, parser] of Object.entries(parsers)) {
  test(`the admin namespace, ${name}`, async () => {
    const server = await startServer('-suite', 'adminui', '-parser', name);
    const sockets = [];
    const connect = (namespace, options) => {
      const s = io(server.url + namespace, { forceNew: true, reconnection: false, parser, ...options });
      sockets.push(s);
      return s;
    };
    try {
      assert.equal(await refusal(connect('/admin', { auth: { username: 'admin', password: 'wrong' } })), 'invalid credentials');
      assert.equal(await refusal(connect('/admin')), 'invalid credentials');

      const page = connect('/admin', { auth: { username: 'admin', password: 'secret' } });
      const sees = watch(page);
      const [session] = await sees('session');
      const [config] = await sees('config');
      assert.deepEqual(config.supportedFeatures.slice(-2), ['AGGREGATED_EVENTS', 'ALL_EVENTS']);
      await sees('all_sockets');
      const again = connect('/admin', { auth: { sessionId: session } });
      await watch(again)('config');

      const client = connect('/', { transports: ['polling'] });
      const hears = watch(client);
      const id = await client.timeout(5000).emitWithAck('join', { binary: Buffer.from([1, 2]) });
      await sees('socket_connected', (s, at) => s.id === id && s.transport === 'polling' && s.rooms.length === 1 && !isNaN(Date.parse(at)));
      await sees('socket_updated', (s) => s.id === id && s.data?.number === 1);
      await sees('room_joined', (nsp, room, who) => nsp === '/' && room === 'lobby' && who === id);
      await sees('event_received', (nsp, who, args) => who === id && args[0] === 'join');
      await sees('event_sent', (nsp, who, args) => who === id && args[0] === 'joined' && args[1] === id);
      await sees('socket_updated', (s) => s.nsp === '/admin' && s.transport === 'websocket');

      page.emit('emit', '/', 'lobby', 'news', { a: Buffer.from('x') });
      const [news] = await hears('news');
      assert.equal(Buffer.from(news.a).toString(), 'x');
      page.emit('leave', '/', 'lobby', id);
      await sees('room_left', (nsp, room, who) => room === 'lobby' && who === id);
      await sees('server_stats', (s) => s.namespaces.some((n) => n.name === '/' && n.socketsCount === 1) && s.aggregatedEvents.length > 0);
      page.emit('_disconnect', '/', true, id);
      await sees('socket_disconnected', (nsp, who, reason) => who === id && reason === 'server namespace disconnect');
    } finally {
      sockets.forEach((s) => s.disconnect());
      await server.stop();
    }
  });
}
