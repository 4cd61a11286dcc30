// The parts of a mixed cluster: a Redis of its own, Node's servers in this process, ours in theirs.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createAdapter, createShardedAdapter } from '@socket.io/redis-adapter';
import { Emitter } from '@socket.io/redis-emitter';
import { createAdapter as createStreamsAdapter } from '@socket.io/redis-streams-adapter';
import { encode } from '@msgpack/msgpack';
import { createClient } from 'redis';
import { Server } from 'socket.io';
import { io as dial } from 'socket.io-client-v4';
import { startServer } from './harness.mjs';

export async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until what the function returns, or resolves to, is true. */
export async function eventually(what, ok) {
  for (const deadline = Date.now() + 15_000; ; await pause(5)) {
    if (await ok()) return;
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
  }
}

export async function startRedis() {
  const port = await freePort();
  const dir = await mkdtemp(join(tmpdir(), 'redis-'));
  const child = spawn('redis-server', ['--bind', '127.0.0.1', '--port', port, '--dir', dir, '--save', ''], { stdio: 'ignore' });
  await eventually('Redis', async () => {
    const socket = connect(port, '127.0.0.1');
    const up = await Promise.race([once(socket, 'connect').then(() => true), once(socket, 'error').then(() => false, () => false)]).catch(() => false);
    socket.destroy();
    return up;
  });
  return {
    addr: `127.0.0.1:${port}`,
    async stop() {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
      await rm(dir, { recursive: true });
    },
  };
}

async function twin(client) {
  const sub = client.duplicate();
  await sub.connect();
  return sub;
}

const pubsub = (options) => async (client) => {
  const sub = await twin(client);
  return [createAdapter(client, sub, options), sub];
};
const sharded = (options) => async (client) => {
  const sub = await twin(client);
  return [createShardedAdapter(client, sub, options), sub];
};
const streams = (options) => async (client) => [createStreamsAdapter(client, { blockTimeInMs: 100, ...options })];

/** The adapters with the settings that change what goes over the wire, by the names that e2e/conformance has for them. */
export const adapters = {
  pubsub: pubsub(),
  'pubsub-responses': pubsub({ publishOnSpecificResponseChannel: true }),
  sharded: sharded(),
  'sharded-static': sharded({ subscriptionMode: 'static' }),
  'sharded-private': sharded({ subscriptionMode: 'dynamic-private' }),
  streams: streams(),
  'streams-spread': streams({ streamCount: 3, useShardedPubSub: true }),
};

const hasBinary = (v) => Buffer.isBuffer(v) || (v !== null && typeof v === 'object' && Object.values(v).some(hasBinary));

/** Writes what @socket.io/redis-streams-emitter 0.1 writes: the package itself is not published everywhere. */
class StreamsEmitter {
  constructor(client, stream, rooms = [], excluded = [], flags = {}) {
    Object.assign(this, { client, stream, rooms, excluded, flags });
  }
  to(rooms) {
    return new StreamsEmitter(this.client, this.stream, [...this.rooms, ...rooms], this.excluded, this.flags);
  }
  except(rooms) {
    return new StreamsEmitter(this.client, this.stream, this.rooms, [...this.excluded, ...rooms], this.flags);
  }
  add(type, data) {
    const text = hasBinary(data) ? Buffer.from(encode(data)).toString('base64') : JSON.stringify(data);
    return this.client.xAdd(this.stream, '*', { uid: 'emitter', nsp: '/', type: String(type), data: text });
  }
  opts(flags = {}) {
    return { rooms: this.rooms, except: this.excluded, flags };
  }
  get volatile() {
    return new StreamsEmitter(this.client, this.stream, this.rooms, this.excluded, { volatile: true });
  }
  emit(...data) {
    return this.add(3, { packet: { type: 2, data, nsp: '/' }, opts: this.opts(this.flags) });
  }
  socketsJoin(rooms) {
    return this.add(4, { opts: this.opts(), rooms });
  }
  socketsLeave(rooms) {
    return this.add(5, { opts: this.opts(), rooms });
  }
  disconnectSockets(close) {
    return this.add(6, { opts: this.opts(), close });
  }
  serverSideEmit(...packet) {
    return this.add(9, { packet });
  }
}

/** Node's server: e2e/conformance has its twin in Go, which understands the same orders. */
export async function startNode(adapter, redis) {
  const client = createClient({ url: `redis://${redis}` });
  await client.connect();
  const [factory, ...others] = await adapters[adapter](client);
  const http = createHttpServer();
  const io = new Server(http, { adapter: factory, connectionStateRecovery: adapter.startsWith('streams') ? {} : undefined });
  const heard = [];
  io.on('connection', (socket) => {
    if (socket.recovered) return;
    socket.data = { name: socket.handshake.auth.name, file: Buffer.from([1, 2, 255]) };
    socket.join(socket.handshake.auth.rooms ?? []);
  });
  io.on('note', (note, ack) => {
    heard.push(note);
    ack?.({ node: 'node', note });
  });
  io.of('/control').on('connection', (socket) => {
    socket.on('order', async (order, ack) => {
      try {
        ack(null, await obey(order.emitter ? emitter : io, io, heard, order));
      } catch (err) {
        ack(err.message, err.responses);
      }
    });
  });
  // Of three streams the main namespace has the one of its hash, 47.
  const stream = adapter === 'streams-spread' ? 'socket.io-2' : 'socket.io';
  const emitter = adapter.startsWith('streams') ? new StreamsEmitter(client, stream) : new Emitter(client);

  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  return {
    url: `http://127.0.0.1:${http.address().port}`,
    async stop() {
      await io.close();
      await Promise.all([client, ...others].map((c) => c.close()));
    },
  };
}

async function obey(by, io, heard, { do: what, rooms = [], except = [], volatile, timeout, event, args = [], to = [], close = false }) {
  let target = by.to(rooms).except(except);
  if (volatile) target = target.volatile;
  switch (what) {
    case 'emit':
      return void target.emit(event, ...args);
    case 'ask':
      return target.timeout(timeout).emitWithAck(event, ...args);
    case 'fetch':
      return (await target.fetchSockets()).map(({ id, rooms, data, handshake }) => ({ id, rooms: [...rooms], data, handshake }));
    case 'join':
      return void target.socketsJoin(to);
    case 'leave':
      return void target.socketsLeave(to);
    case 'disconnect':
      return void target.disconnectSockets(close);
    case 'note':
      return void by.serverSideEmit('note', args);
    case 'note-ack':
      return io.serverSideEmitWithAck('note', args);
    case 'heard':
      return heard.splice(0);
    case 'count':
      return io.of('/').adapter.serverCount();
  }
  throw new Error(`unknown order ${what}`);
}

/** A client that records what it receives, and acknowledges with its name, in binary if asked in binary. */
export function connectClient(url, name, rooms = []) {
  const socket = dial(url, { forceNew: true, transports: ['websocket'], auth: { name, rooms }, reconnectionDelay: 10 });
  const events = [];
  socket.onAny((event, ...args) => {
    const ack = typeof args.at(-1) === 'function' ? args.pop() : undefined;
    if (socket._pid && /^\d+-\d+$/.test(args.at(-1))) args.pop(); // the offset
    events.push([event, ...args]);
    if (event !== 'no-answer') ack?.(Buffer.isBuffer(args[0]) ? Buffer.from(name) : name);
  });
  return { name, socket, events };
}

/** Node's server in a process of its own. */
async function startNodeProcess(adapter, redis) {
  const child = spawn(process.execPath, [fileURLToPath(new URL('nodeserver.mjs', import.meta.url)), adapter, redis], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [url] = await once(child.stdout, 'data');
  return {
    url: String(url).trim(),
    pid: child.pid,
    async stop() {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}

const starts = {
  go: (adapter, redis, wait) => startServer('-suite', 'cluster', '-adapter', adapter, '-redis', redis, '-wait', wait),
  node: startNode,
  'node-process': startNodeProcess,
};

/**
 * A cluster, each server with a client: as a rule two of our servers and two of Node's, go0, node1, go2 and node3. Ours wait for what they
 * ask of the others as long as they are told.
 */
export async function startCluster(adapter, kinds = ['go', 'node', 'go', 'node'], wait = '5s') {
  const redis = await startRedis();
  const servers = [];
  for (const [i, kind] of kinds.entries()) servers.push({ ...(await starts[kind](adapter, redis.addr, wait)), name: `${kind}${i}` });
  for (const server of servers) {
    server.control = dial(`${server.url}/control`, { forceNew: true, transports: ['websocket'] });
    server.order = (order) =>
      new Promise((resolve, reject) => {
        server.control.timeout(10_000).emit('order', order, (late, err, result) => {
          if (late || err) reject(Object.assign(late ?? new Error(err), { result }));
          else resolve(result);
        });
      });
  }
  const clients = servers.map((s, i) => connectClient(s.url, `${s.name}'s`, ['all', i < 2 ? 'first' : 'second']));
  await Promise.all(clients.map((c) => eventually('a connection', () => c.socket.connected)));
  for (const s of servers) await eventually('all servers', async () => (await s.order({ do: 'count' })) === servers.length);
  return {
    redis,
    servers,
    clients,
    async stop() {
      for (const c of clients) c.socket.close();
      for (const s of servers) s.control.close();
      await Promise.all(servers.map((s) => s.stop()));
      await redis.stop();
    },
  };
}
