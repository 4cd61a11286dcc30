// A server that does not answer, of ours or of Node's: the others get what there is, and an error that says how many have not answered.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { eventually, startCluster } from './cluster.mjs';

const names = (list) => list.map((s) => s.data.name).sort();

for (const adapter of ['pubsub', 'sharded', 'streams']) {
  describe(`a silent server, ${adapter}`, () => {
    for (const kind of ['go', 'node-process']) {
      test(kind === 'go' ? 'of ours' : "of Node's", async (t) => {
        const cluster = await startCluster(adapter, ['go', 'node', kind], '500ms');
        const [asks, , silent] = cluster.servers;
        t.after(() => {
          process.kill(silent.pid, 'SIGCONT'); // or it would not end either
          return cluster.stop();
        });
        const heard = (event, ...clients) => eventually(event, () => clients.every((c) => c.events.some(([name]) => name === event)));
        await asks.order({ do: 'emit', event: 'before' }); // until it has read one entry, Node's streams adapter misses those of a pause
        await heard('before', ...cluster.clients);
        process.kill(silent.pid, 'SIGSTOP');
        await eventually('the stop', async () => / T /.test(await readFile(`/proc/${silent.pid}/stat`, 'utf8')));

        const began = Date.now();
        const outcome = (order) => asks.order(order).then(assert.fail, (err) => err);
        const [sockets, acks, notes] = await Promise.all([
          outcome({ do: 'fetch', rooms: ['all'] }),
          outcome({ do: 'ask', event: 'ask', args: [1], rooms: ['all'], timeout: 60_000 }),
          outcome({ do: 'note-ack', args: ['?'] }),
        ]);
        assert.ok(Date.now() - began < 9000, 'it hung');
        for (const err of [sockets, acks, notes]) assert.match(err.message, /1 of 2 other nodes have answered/);
        assert.deepEqual(names(sockets.result), ["go0's", "node1's"]);
        assert.deepEqual(acks.result.sort(), ["go0's", "node1's"]);
        assert.deepEqual(notes.result, [{ node: 'node', note: ['?'] }]);

        // What needs no answer goes on as ever, and once it is back it is as if it had not been away.
        await asks.order({ do: 'emit', event: 'meanwhile' });
        await heard('meanwhile', cluster.clients[0], cluster.clients[1]);
        process.kill(silent.pid, 'SIGCONT');
        await heard('meanwhile', cluster.clients[2]);
        await eventually('all sockets', async () => names(await asks.order({ do: 'fetch', rooms: ['all'] }).catch((err) => err.result)).length === 3);
      });
    }
  });
}
