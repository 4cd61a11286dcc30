// A mail server for journeys that lead through a letter: it takes whatever comes, and keeps it.
import { once } from 'node:events';
import { createServer } from 'node:net';

export class Mailbox {
  static async start() {
    const box = new Mailbox();
    box.letters = [];
    box.server = createServer((socket) => box.talk(socket)).listen(0, '127.0.0.1');
    await once(box.server, 'listening');
    box.port = box.server.address().port;
    return box;
  }

  talk(socket) {
    let waiting = '';
    let letter; // the lines of the one that is being sent
    socket.on('error', () => {});
    socket.write('220 mail.test\r\n');
    socket.on('data', (data) => {
      waiting += data;
      for (let end = waiting.indexOf('\r\n'); end >= 0; end = waiting.indexOf('\r\n')) {
        const line = waiting.slice(0, end);
        waiting = waiting.slice(end + 2);
        if (letter && line === '.') {
          this.letters.push(letter.join('\n').replace(/=\n/g, '').replace(/=3D/g, '='));
          letter = undefined;
          socket.write('250 kept\r\n');
        } else if (letter) letter.push(line);
        else if (/^DATA/i.test(line)) {
          letter = [];
          socket.write('354 go on\r\n');
        } else if (/^QUIT/i.test(line)) socket.end('221 bye\r\n');
        else socket.write('250 fine\r\n');
      }
    });
  }

  /** The part after the # of a link in a letter, as soon as one has come whose link is of this kind. */
  async link(kind) {
    for (let i = 0; i < 300; i++) {
      const found = this.letters.map((l) => new RegExp(`#${kind}=[\\w-]+`).exec(l)?.[0]).find((l) => l);
      if (found) return found;
      await new Promise((r) => setTimeout(r, 50));
    }
    throw new Error(`no letter with a link to ${kind} among ${this.letters.length}`);
  }

  stop() {
    this.server.close();
  }
}
