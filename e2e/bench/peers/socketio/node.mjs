// socket.io on Node.
import { createServer } from 'node:http';
import { Server } from 'socket.io';
import { serve } from './contract.mjs';

const http = createServer();
serve(new Server(http, { pingInterval: 25000, pingTimeout: 60000, cors: { origin: '*' }, serveClient: false }));
http.listen(Number(process.argv[2]), '127.0.0.1', 10000);
