// socket.io on Bun, with its own engine for it.
import { Server as Engine } from '@socket.io/bun-engine';
import { Server } from 'socket.io';
import { serve } from './contract.mjs';

const io = new Server();
const engine = new Engine({ path: '/socket.io/', pingInterval: 25000, pingTimeout: 60000 });
io.bind(engine);
serve(io);
Bun.serve({ hostname: '127.0.0.1', port: Number(process.argv[2]), idleTimeout: 90, ...engine.handler() });
