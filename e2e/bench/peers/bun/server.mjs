// The benchmark's contract on Bun with Socket.IO's own engine for it: what e2e/conformance -suite bench does in Go.
import { Server as Engine } from '@socket.io/bun-engine';
import { Server } from 'socket.io';

const io = new Server();
const engine = new Engine({ path: '/socket.io/', pingInterval: 25000, pingTimeout: 60000 });
io.bind(engine);
let n = 0;
const message = (socket, { text }) => ({ id: `m${++n}`, text, username: socket.data.username, timestamp: Date.now() });

io.on('connection', (socket) => {
  socket.on('user-join', ({ username }, ack) => {
    socket.data.username = username;
    ack({ success: true });
  });
  socket.on('chat-message', (m, ack) => {
    io.emit('new-message', message(socket, m));
    ack({ success: true });
  });
  socket.on('join-room', (room, ack) => {
    socket.join(room);
    ack({ success: true });
  });
  socket.on('leave-room', (room, ack) => {
    socket.leave(room);
    ack({ success: true });
  });
  socket.on('room-message', (m, ack) => {
    io.to(m.room).emit('new-message', message(socket, m));
    ack({ success: true });
  });
  socket.on('echo', (value, ack) => ack(value));
});

Bun.serve({ hostname: '127.0.0.1', port: Number(process.argv[2]), idleTimeout: 90, ...engine.handler() });
