// Our decoder against socket.io-parser: what one of the two takes for a packet, the other takes for the same packet.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { Decoder, PacketType } from 'socket.io-parser';

const binary = process.env.CONFORMANCE_BIN ?? new URL('../../bin/conformance', import.meta.url).pathname;

/** Node's verdict: the packet, "wait" for attachments, or "bad". */
function theirs(text) {
  const decoder = new Decoder();
  let packet;
  decoder.on('decoded', (p) => (packet = p));
  try {
    decoder.add(text);
  } catch {
    return 'bad';
  }
  if (!packet) return 'wait';
  return JSON.stringify([PacketType[packet.type], packet.nsp, packet.id ?? null, packet.data ?? null]);
}

/** Random packets: valid ones, and valid ones with something changed. */
function* samples(count) {
  let seed = 42;
  const random = (n) => ((seed = (seed * 1103515245 + 12345) % 2147483648), seed % n);
  const values = ['1', '-0.5e3', '"text"', '"\\u00e9\\n"', 'null', 'true', '{}', '{"a":[1,{"b":"c"}]}', '[]', '[[[]]]', '{"_placeholder":true,"num":0}', '"😀"', '01', '1.', '"\\x"', '{a:1}', 'undefined'];
  const alphabet = '0123456789[]{}",:\\/-abctrue .\n😀';
  const pick = (list) => list[random(list.length)];
  for (let i = 0; i < count; i++) {
    const args = Array.from({ length: random(4) }, () => pick(values)).join(',');
    const name = pick(['"event"', '"error"', '"connect"', '"disconnect"', '""', '7', '"a\\"b"', 'null', 'true', '{}']);
    const kind = random(7);
    let text = `${kind}${kind > 4 ? pick(['1-', '2-', '10-', '11-', '0-', '-', 'x-', '']) : ''}${pick(['', '', '/nsp,', '/a/b?x=1,', '/nsp'])}${pick(['', '', '0', '12', '99999'])}`;
    text += kind === 0 || kind === 4 ? pick(['', '{}', '{"token":"x"}', '[]', '"x"', '7']) : kind === 1 ? pick(['', '', '{}']) : `[${name}${args ? ',' + args : ''}]`;
    for (let change = random(3); change > 0; change--) {
      const at = random(text.length + 1);
      const chars = [...alphabet];
      text = random(2) ? text.slice(0, at) + pick(chars) + text.slice(at) : text.slice(0, at) + text.slice(at + 1);
    }
    yield text.replaceAll('\n', ' ');
  }
}

/** Where we are stricter on purpose: each is something that no client sends. */
function strictOnPurpose(text, node) {
  if (/^[56]/.test(text)) return true; // Node takes odd counts of attachments, and waits
  const [type, , , data] = JSON.parse(node);
  if (type === 'EVENT' || type === 'ACK') return !Array.isArray(data); // it lets them go without data
  return type === 'CONNECT_ERROR'; // which a client never sends
}

test('20,000 packets get the same verdict', async (t) => {
  const child = spawn(binary, ['-suite', 'decode'], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => child.kill());
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let same = 0;
  for (const text of samples(20_000)) {
    if (text === '') continue;
    child.stdin.write(JSON.stringify(text) + '\n');
    const { value: ours } = await lines.next();
    const node = theirs(text);
    const normal = ours.startsWith('[') ? JSON.stringify(JSON.parse(ours)) : ours;
    if (normal === node) same++;
    else if (!(normal === 'bad' && (node === 'wait' || strictOnPurpose(text, node)))) assert.fail(`${JSON.stringify(text)}: ours ${normal}, Node's ${node}`);
  }
  child.stdin.end();
  assert.ok(same > 15_000, `only ${same} the same`);
});
