// The benchmark's contract on socket.io: what e2e/conformance -suite bench does in Go. No storage, only delivery.
export function serve(io) {
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
}
