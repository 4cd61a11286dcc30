// Real clients of every generation, from the registry, over every transport.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { startServer } from './harness.mjs';

const require = createRequire(import.meta.url);
const generations = {
  '2.x': require('socket.io-client-v2'),
  '3.x': require('socket.io-client-v3').io,
  '4.x': require('socket.io-client-v4').io,
};
const transports = { polling: ['polling'], websocket: ['websocket'], 'polling, then upgrade': ['polling', 'websocket'] };

let server;
before(async () => (server = await startServer()));
after(() => server.stop());

/** Emits, and waits for the acknowledgement. */
function ask(socket, event, ...args) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${event}: no answer`)), 5000);
    socket.emit(event, ...args, (...answer) => {
      clearTimeout(timer);
      resolve(answer);
    });
  });
}

function next(socket, event) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${event} did not come`)), 5000);
    socket.once(event, (...args) => {
      clearTimeout(timer);
      resolve(args);
    });
  });
}

async function converse(socket) {
  await next(socket, 'connect');
  const value = { text: 'Я Б Г 😀 \u2028', list: [1, null, true], nested: { deep: 'yes' } };
  assert.deepEqual(await ask(socket, 'echo', value), [value]);
  const binary = Buffer.from([0, 1, 2, 253, 254, 255]);
  const [echoed] = await ask(socket, 'echo', { file: binary, name: 'x' });
  assert.equal(echoed.name, 'x');
  assert.deepEqual(Buffer.from(echoed.file), binary);
  const doge = next(socket, 'doge');
  socket.emit('doge');
  assert.equal(Buffer.from((await doge)[0]).toString(), 'asdfasdf');
  const texts = [];
  socket.on('takeUtf8', (t) => texts.push(t));
  socket.emit('getUtf8');
  await ask(socket, 'echo', 1);
  assert.deepEqual(texts, ['てすと', 'Я Б Г Д Ж Й', 'Ä ä Ü ü ß', 'utf8 — string', 'utf8 — string']);
  const [id] = await ask(socket, 'getId');
  assert.equal(id, socket.id);
}

for (const [generation, io] of Object.entries(generations)) {
  for (const [name, list] of Object.entries(transports)) {
    test(`${generation} over ${name}`, async () => {
      const socket = io(server.url, { forceNew: true, transports: list, reconnection: false });
      try {
        await converse(socket);
        if (list.length === 2 && socket.io.engine.transport.name !== 'websocket') await next(socket.io.engine, 'upgrade');
        assert.equal(socket.io.engine.transport.name, list.at(-1));
        assert.deepEqual(await ask(socket, 'echo', 'after the upgrade'), ['after the upgrade']);
      } finally {
        socket.close();
      }
    });
  }

  test(`${generation} in a namespace, and refused by one`, async () => {
    const foo = io(`${server.url}/foo`, { forceNew: true, reconnection: false });
    const no = io(`${server.url}/no`, { forceNew: true, reconnection: false });
    const refused = next(no, generation === '2.x' ? 'error' : 'connect_error');
    try {
      await next(foo, 'connect');
      assert.equal((await ask(foo, 'getId'))[0], foo.id);
      const [why] = await refused;
      assert.match(String(why.message ?? why), /Auth failed \(custom namespace\)/);
    } finally {
      foo.close();
      no.close();
    }
  });
}

// The parser has a version for each generation; that of 2.x writes CONNECT and DISCONNECT as JSON.
for (const [generation, io] of Object.entries(generations)) {
  for (const [name, list] of Object.entries(transports)) {
    test(`${generation} with the msgpack parser, over ${name}`, async () => {
      const packed = await startServer('-parser', 'msgpack');
      const parser = require(generation === '2.x' ? 'socket.io-msgpack-parser-v2' : 'socket.io-msgpack-parser');
      const options = { parser, transports: list, reconnection: false };
      const socket = io(packed.url, { ...options, forceNew: true });
      try {
        await converse(socket);
        // A second namespace on the same connection, left and entered again, and one that refuses.
        const foo = socket.io.socket('/foo');
        for (let i = 0; i < 2; i++) {
          const [inside] = [next(foo, 'connect'), foo.connect()];
          await inside;
          assert.equal((await ask(foo, 'getId'))[0], foo.id);
          foo.disconnect();
        }
        const no = socket.io.socket('/no');
        const [refused] = [next(no, generation === '2.x' ? 'error' : 'connect_error'), no.connect()];
        const [why] = await refused;
        assert.match(String(why.message ?? why), /Auth failed \(custom namespace\)/);
        assert.deepEqual(await ask(socket, 'echo', 'still here'), ['still here']);
      } finally {
        socket.close();
        await packed.stop();
      }
    });
  }
}
