// Our servers and Node's as one cluster: every request in every direction.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { adapters, eventually, startCluster } from './cluster.mjs';

const value = { text: 'Я Б Г 😀 \u2028', list: [1, null, true, -2.5], nested: { deep: ['yes', {}] }, big: 2 ** 40 };
const names = (list) => list.map((s) => s.data.name).sort();

for (const adapter of Object.keys(adapters)) {
  describe(`a mixed cluster, ${adapter}`, () => {
    let cluster;
    before(async () => (cluster = await startCluster(adapter)));
    after(() => cluster.stop());

    /** Has every server emit, and checks what each client receives up to a closing event. */
    async function reaches(order, expected) {
      const { servers, clients } = cluster;
      for (const [origin, server] of servers.entries()) {
        await server.order({ do: 'emit', ...order });
        await server.order({ do: 'emit', emitter: order.emitter, event: 'end' });
        for (const [i, client] of clients.entries()) {
          await eventually(`${server.name}'s closing event at ${client.name}`, () => client.events.some(([name]) => name === 'end'));
          const got = client.events.splice(0).slice(0, -1);
          assert.deepEqual(got, expected(i, origin) ? [[order.event, ...(order.args ?? [])]] : [], `${server.name} emitted, ${client.name} received`);
        }
      }
    }

    test('emit to all', () => reaches({ event: 'hello', args: [value, 'text', 7] }, () => true));
    test('emit to a room', () => reaches({ event: 'hello', args: [value], rooms: ['first'] }, (i) => i < 2));
    test('emit to a room of nobody', () => reaches({ event: 'hello', rooms: ['nobody'] }, () => false));
    test('emit to several rooms', () => reaches({ event: 'hello', rooms: ['all', 'first'] }, () => true));
    test('emit except a room', () => reaches({ event: 'hello', rooms: ['all'], except: ['first'] }, (i) => i >= 2));
    test('emit volatile', () => reaches({ event: 'hello', args: ['maybe'], volatile: true }, () => true));
    test('emit binary data', () => reaches({ event: 'file', args: [{ file: Buffer.from([0, 1, 254, 255]), name: 'x' }, Buffer.from('y')] }, () => true));
    test('emit to a socket id', async () => {
      for (const [target, client] of cluster.clients.entries()) {
        await reaches({ event: 'hello', rooms: [client.socket.id] }, (i) => i === target);
        await reaches({ event: 'hello', except: [client.socket.id] }, (i) => i !== target);
      }
    });

    test('acknowledgements', async () => {
      const { servers, clients } = cluster;
      const all = clients.map((c) => c.name).sort();
      for (const server of servers) {
        assert.deepEqual((await server.order({ do: 'ask', event: 'ask', args: [1], timeout: 3000 })).sort(), all, server.name);
        const binary = await server.order({ do: 'ask', event: 'ask', args: [Buffer.from('?')], rooms: ['all'], timeout: 3000 });
        assert.deepEqual(binary.map((b) => Buffer.from(b).toString()).sort(), all, server.name);
        const some = await server.order({ do: 'ask', event: 'ask', args: [1], rooms: ['first'], timeout: 3000 });
        assert.deepEqual(some.sort(), clients.slice(0, 2).map((c) => c.name).sort(), server.name);
        assert.deepEqual(await server.order({ do: 'ask', event: 'ask', rooms: ['nobody'], timeout: 3000 }), [], server.name);
        for (const [target, client] of clients.entries()) {
          const { id } = client.socket;
          assert.deepEqual(await server.order({ do: 'ask', event: 'ask', rooms: [id], timeout: 3000 }), [client.name], server.name);
          const others = await server.order({ do: 'ask', event: 'ask', except: [id], timeout: 3000 });
          assert.deepEqual(others.sort(), all.filter((name) => name !== clients[target].name), server.name);
        }
        await assert.rejects(server.order({ do: 'ask', event: 'no-answer', timeout: 200 }), /timed out/, server.name);
      }
      for (const client of clients) client.events.length = 0;
    });

    test('fetch sockets', async () => {
      const { servers, clients } = cluster;
      for (const server of servers) {
        const all = await server.order({ do: 'fetch' });
        assert.equal(all.length, clients.length, server.name);
        for (const [i, client] of clients.entries()) {
          const s = all.find((s) => s.id === client.socket.id);
          assert.equal(s.data.name, client.name);
          // Node's pub/sub adapter makes JSON of what it tells other servers, and so it arrives even at Node.
          assert.deepEqual([...(s.data.file.data ?? s.data.file)], [1, 2, 255], server.name);
          assert.deepEqual(s.rooms.sort(), [s.id, 'all', i < 2 ? 'first' : 'second'].sort());
          assert.equal(s.handshake.auth.name, client.name);
          assert.equal(s.handshake.query.EIO, '4');
          assert.equal(s.handshake.headers.upgrade, 'websocket');
          assert.ok(Math.abs(Date.now() - s.handshake.issued) < 60_000 && !Number.isNaN(Date.parse(s.handshake.time)));
          assert.equal(s.handshake.secure, false);
          assert.equal(s.handshake.address, '127.0.0.1');
        }
        assert.deepEqual(names(await server.order({ do: 'fetch', rooms: ['all'], except: ['second'] })), ["go0's", "node1's"]);
      }
    });

    test('join and leave', async () => {
      for (const [i, server] of cluster.servers.entries()) {
        const room = `new${i}`;
        await server.order({ do: 'join', rooms: ['all'], to: [room, `${room}b`] });
        await eventually('the joins', async () => (await server.order({ do: 'fetch', rooms: [room] })).length === 4);
        await server.order({ do: 'leave', rooms: [room], except: ['first'], to: [room] });
        await eventually('the leaves', async () => (await server.order({ do: 'fetch', rooms: [room] })).length === 2);
        await reaches({ event: 'hello', rooms: [room] }, (i) => i < 2);
        await reaches({ event: 'hello', rooms: [`${room}b`] }, () => true);
      }
    });

    if (!adapter.startsWith('sharded')) {
      // Whoever emits does not serve, so that what it emits reaches the clients of all.
      const emitter = true;
      test('emitter: emit to all', () => reaches({ emitter, event: 'hello', args: [value, 'text', 7] }, () => true));
      test('emitter: emit to a room', () => reaches({ emitter, event: 'hello', args: [value], rooms: ['first'] }, (i) => i < 2));
      test('emitter: emit to several rooms, except', () => reaches({ emitter, event: 'hello', rooms: ['all', 'first'], except: ['second'] }, (i) => i < 2));
      test('emitter: emit volatile', () => reaches({ emitter, event: 'hello', args: ['maybe'], volatile: true }, () => true));
      test('emitter: emit binary data', () => reaches({ emitter, event: 'file', args: [{ file: Buffer.from([0, 1, 254, 255]) }, 'x'] }, () => true));
      test('emitter: emit to a socket id', async () => {
        for (const [target, client] of cluster.clients.entries()) await reaches({ emitter, event: 'hello', rooms: [client.socket.id] }, (i) => i === target);
      });
      test('emitter: join and leave', async () => {
        for (const [i, server] of cluster.servers.entries()) {
          const room = `emitted${i}`;
          await server.order({ emitter, do: 'join', rooms: ['all'], to: [room] });
          await eventually('the joins', async () => (await server.order({ do: 'fetch', rooms: [room] })).length === 4);
          await server.order({ emitter, do: 'leave', rooms: [room], except: ['first'], to: [room] });
          await eventually('the leaves', async () => (await server.order({ do: 'fetch', rooms: [room] })).length === 2);
        }
      });
      test('emitter: server-side events', async () => {
        for (const server of cluster.servers) {
          await server.order({ emitter, do: 'note', args: [server.name, value] });
          for (const other of cluster.servers) {
            const got = [];
            await eventually(`the note of ${server.name} at ${other.name}`, async () => got.push(...(await other.order({ do: 'heard' }))) > 0);
            assert.deepEqual(got, [[server.name, value]]);
          }
        }
      });
    }

    test('server-side events', async () => {
      for (const server of cluster.servers) {
        await server.order({ do: 'note', args: [server.name, value] });
        for (const other of cluster.servers) {
          const want = other === server ? [] : [[server.name, value]];
          const got = [];
          if (want.length > 0) await eventually(`the note of ${server.name} at ${other.name}`, async () => got.push(...(await other.order({ do: 'heard' }))) > 0);
          assert.deepEqual(got, want);
        }
        const answers = await server.order({ do: 'note-ack', args: ['?'] });
        assert.deepEqual(answers.map((a) => a.note), [['?'], ['?'], ['?']]);
        assert.equal(answers.filter((a) => a.node === 'go').length, server.name.startsWith('go') ? 1 : 2);
        await Promise.all(cluster.servers.map((s) => s.order({ do: 'heard' })));
      }
    });

    if (adapter.startsWith('streams')) {
      test('recovery on another server', async () => {
        const { servers, clients } = cluster;
        // Every pair of servers, in both directions: Node and ours, two of ours, two of Node's.
        for (const [i, client] of clients.entries()) {
          for (const to of servers.filter((_, j) => j !== i)) {
            const { id } = client.socket;
            await servers[0].order({ do: 'emit', event: 'before', rooms: [client.socket.id] });
            await eventually('an event', () => client.events.some(([name]) => name === 'before'));
            client.events.length = 0;
            client.socket.io.reconnection(false);
            client.socket.io.engine.close();
            await eventually('its end', async () => (await servers[i].order({ do: 'fetch', rooms: [id] })).length === 0);
            for (const [n, s] of servers.entries()) {
              await s.order({ do: 'emit', event: 'missed', args: [n, value, Buffer.from([n])], rooms: ['all'] });
              await s.order({ do: 'emit', event: 'not for it', except: ['all'] });
            }
            client.socket.io.uri = to.url;
            client.socket.connect();
            await eventually(`${client.name} at ${to.name}`, () => client.socket.connected);
            assert.equal(client.socket.recovered, true, `${client.name} recovered at ${to.name}`);
            assert.equal(client.socket.id, id);
            for (const s of servers) await s.order({ do: 'emit', event: 'since', rooms: ['all'] });
            await eventually('the events since', () => client.events.filter(([name]) => name === 'since').length === 4);
            const missed = client.events.splice(0).filter(([name]) => name !== 'since');
            assert.deepEqual(missed.map(([name, n, v, b]) => [name, n, v, [...b]]).sort(([, a], [, b]) => a - b), servers.map((_, n) => ['missed', n, value, [n]]));
            const [s] = await to.order({ do: 'fetch', rooms: [id] });
            assert.equal(s.data.name, client.name);
            assert.deepEqual(s.rooms.includes('all'), true);
          }
        }
        for (const client of clients) client.events.length = 0;
      });
    }

    /** Has every server, or an emitter of each, disconnect every client, with and without its connection, which another namespace shares. */
    async function disconnects(emitter) {
      const { servers, clients } = cluster;
      for (const [i, server] of servers.entries()) {
        for (const [j, client] of clients.entries()) {
          for (const close of emitter ? [(i + j) % 2 === 0] : [false, true]) {
            const what = `${server.name} disconnects ${client.name}, ${close ? 'with' : 'without'} its connection`;
            const beside = client.socket.io.socket('/control').connect();
            await eventually(`two namespaces before ${what}`, () => client.socket.connected && beside.connected);
            const ended = once(client.socket, 'disconnect');
            await server.order({ emitter, do: 'disconnect', rooms: [client.socket.id], close });
            assert.deepEqual(await ended, ['io server disconnect', undefined], what);
            if (close) await eventually(what, () => !beside.connected);
            else assert.equal(await beside.timeout(5000).emitWithAck('order', { do: 'count' }), null, what);
            beside.disconnect();
            client.socket.connect();
            await eventually(`${client.name} again`, () => client.socket.connected);
            await eventually(`${client.name} in its rooms`, async () => (await server.order({ do: 'fetch', rooms: ['all'] })).length === 4);
          }
        }
      }
      for (const client of clients) client.events.length = 0;
    }

    test('disconnect', () => disconnects(false));
    if (!adapter.startsWith('sharded')) test('emitter: disconnect', () => disconnects(true));

    test('disconnect all of a room', async () => {
      const ended = cluster.clients.map((c) => once(c.socket, 'disconnect'));
      await cluster.servers[0].order({ do: 'disconnect', rooms: ['second'] });
      await Promise.all(ended.slice(2));
      await cluster.servers[1].order({ do: 'disconnect', rooms: ['all'], except: ['first'] }); // nobody is left of them
      await cluster.servers[1].order({ do: 'disconnect', rooms: ['first'], close: true });
      await Promise.all(ended);
      for (const server of cluster.servers) assert.deepEqual(await server.order({ do: 'fetch', rooms: ['all'] }), []);
    });
  });
}
