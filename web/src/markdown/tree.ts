/** What a node is: blocks p h quote ul ol li pre hr table row cell; inline text em strong del spoiler code link br mention emoji. */
export type Kind =
  | 'p' | 'h' | 'quote' | 'ul' | 'ol' | 'li' | 'pre' | 'hr' | 'table' | 'row' | 'cell'
  | 'text' | 'em' | 'strong' | 'del' | 'spoiler' | 'code' | 'link' | 'br' | 'mention' | 'emoji';

/** A node of a message's tree: see internal/markdown/tree.go, whose JSON it is. */
export interface Node {
  t: Kind;
  /** Of text, code, pre, and the bare names of mention and emoji, which may be nobody and none. */
  text?: string;
  /** Of links: http, https or mailto. */
  href?: string;
  lang?: string;
  level?: number;
  /** Of ol, when it is not 1; -1 stands for 0. */
  start?: number;
  checked?: boolean;
  align?: string[];
  c?: Node[];
}

/** Puts texts together and finds in them what no grammar of Markdown knows. */
export function finish(nodes: Node[]): Node[] {
  return named(spoilers(linked(merged(nodes))));
}

export function merged(nodes: Node[]): Node[] {
  const out: Node[] = [];
  for (const n of nodes) {
    const last = out.at(-1);
    if (n.t === 'text' && !n.text) continue;
    if (n.t === 'text' && last?.t === 'text') out[out.length - 1] = { t: 'text', text: last.text! + n.text! };
    else out.push(n);
  }
  return out;
}

/** A block's content without the spaces at its lines' ends and without breaks at its end. */
export function trimmed(nodes: Node[]): Node[] {
  const out: Node[] = [];
  nodes.forEach((n, i) => {
    if (n.t !== 'text') return out.push(n);
    let text = n.text!;
    if (i === 0 || nodes[i - 1]!.t === 'br') text = text.replace(/^[ \t]+/, '');
    if (i === nodes.length - 1 || nodes[i + 1]!.t === 'br') text = text.replace(/[ \t]+$/, '');
    if (text) out.push({ t: 'text', text });
  });
  while (out.at(-1)?.t === 'br') out.pop();
  return out;
}

const ADDRESS = /https?:\/\/[^\s<>`]+/g;

/** A bare address without what ends the sentence and not the address; empty when nothing is left. */
export function trimURL(url: string): string {
  while (url !== '') {
    const last = url.at(-1)!;
    if ('.,:;!?\'"*_~|]'.includes(last) || (last === ')' && url.split(')').length > url.split('(').length)) url = url.slice(0, -1);
    else break;
  }
  return url.endsWith('://') || url.endsWith(':/') ? '' : url;
}

/** Finds the addresses in texts that the grammar has not seen. */
function linked(nodes: Node[]): Node[] {
  return nodes.flatMap((n): Node[] => {
    if (n.t !== 'text' || !n.text!.includes('://')) return [n];
    const out: Node[] = [];
    let done = 0;
    for (const m of n.text!.matchAll(ADDRESS)) {
      const href = trimURL(m[0]);
      if (!href) continue;
      if (m.index > done) out.push({ t: 'text', text: n.text!.slice(done, m.index) });
      out.push({ t: 'link', href, c: [{ t: 'text', text: href }] });
      done = m.index + href.length;
    }
    if (done < n.text!.length) out.push({ t: 'text', text: n.text!.slice(done) });
    return out;
  });
}

/** Makes what stands between two || one node. */
function spoilers(nodes: Node[]): Node[] {
  const out: Node[] = [];
  let open = -1; // index in out of what comes after a ||
  for (const n of nodes) {
    if (n.t !== 'text') {
      out.push(n);
      continue;
    }
    n.text!.split('||').forEach((part, i) => {
      if (i > 0) {
        if (open < 0) open = out.length;
        else {
          if (out.length > open) out.push({ t: 'spoiler', c: out.splice(open) });
          else out.push({ t: 'text', text: '||||' });
          open = -1;
        }
      }
      if (part) out.push({ t: 'text', text: part });
    });
  }
  if (open >= 0) out.splice(open, 0, { t: 'text', text: '||' });
  return merged(out);
}

const NAME = /(^|[^\p{L}\p{N}_@/.])(?:@([\p{L}\p{N}][\p{L}\p{N}_.\-]{0,63})|:([a-z0-9_+\-]{1,32}):)/gu;

/** Finds mentions and emoji in texts. */
function named(nodes: Node[]): Node[] {
  return nodes.flatMap((n): Node[] => {
    if (n.t === 'spoiler') return [{ t: 'spoiler', c: named(n.c!) }];
    if (n.t !== 'text' || !/[@:]/.test(n.text!)) return [n];
    const out: Node[] = [];
    let done = 0;
    for (const m of n.text!.matchAll(NAME)) {
      const start = m.index + m[1]!.length;
      const name = m[2]?.replace(/[._-]+$/, '') ?? m[3]!;
      if (start > done) out.push({ t: 'text', text: n.text!.slice(done, start) });
      out.push(m[2] === undefined ? { t: 'emoji', text: name } : { t: 'mention', text: name });
      done = m[2] === undefined ? m.index + m[0].length : start + 1 + name.length;
    }
    if (done < n.text!.length) out.push({ t: 'text', text: n.text!.slice(done) });
    return out;
  });
}

/** Nodes without the links among them: a picture in a link, or an address in its text. */
export function unlinked(nodes: Node[]): Node[] {
  return nodes.flatMap((n) => (n.t === 'link' ? (n.c ?? []) : n.c ? [{ ...n, c: unlinked(n.c) }] : [n]));
}
