import { Marked, type Token, type Tokens } from 'marked';
import { finish, merged, trimURL, trimmed, unlinked, type Node } from './tree';

/** A line that opens more quotes and lists than a message has: it is shown as it was typed. */
const TOO_DEEP = /^(?:[ \t]*(?:>|[-+*][ \t]|[0-9]{1,9}[.)][ \t])){13}/m;
const URL_PATTERN = /^https?:\/\/[^\s<>`]+/;
const SAFE = /^(?:https?:\/\/[^\s]|mailto:[^\s])/i;

const marked = new Marked({
  gfm: true,
  breaks: true,
  tokenizer: {
    html: () => undefined,
    tag: () => undefined,
    url: () => undefined,
  },
  extensions: [
    {
      name: 'address',
      level: 'inline',
      start: (src) => src.match(/https?:\/\//)?.index,
      tokenizer(src) {
        const raw = trimURL(URL_PATTERN.exec(src)?.[0] ?? '');
        return raw && !this.lexer.state.inLink ? { type: 'address', raw } : undefined;
      },
    },
  ],
});

/** Reads a message. It makes the same tree as the server's internal/markdown, never fails, and builds no HTML. */
export function parse(source: string): Node[] {
  source = source.replace(/\r\n?/g, '\n');
  if (TOO_DEEP.test(source)) return literal(source);
  return blocks(marked.lexer(source));
}

function literal(source: string): Node[] {
  const c: Node[] = [];
  source.split('\n').forEach((line, i) => {
    if (i > 0) c.push({ t: 'br' });
    if (line) c.push({ t: 'text', text: line });
  });
  return [{ t: 'p', c }];
}

function blocks(tokens: Token[]): Node[] {
  return tokens.flatMap((token) => block(token as Tokens.Generic));
}

function block(token: Tokens.Generic): Node[] {
  switch (token.type) {
    case 'paragraph':
    case 'text': {
      const c = trimmed(inline(token.tokens ?? []));
      return c.length ? [{ t: 'p', c }] : [];
    }
    case 'heading':
      return [tidy({ t: 'h', level: token.depth, c: trimmed(inline(token.tokens ?? [])) })];
    case 'blockquote':
      return [tidy({ t: 'quote', c: blocks(token.tokens ?? []) })];
    case 'code':
      return [tidy({ t: 'pre', lang: /^\S*/.exec(token.lang ?? '')![0], text: token.text.replace(/\n+$/, '') })];
    case 'hr':
      return [{ t: 'hr' }];
    case 'list':
      return [list(token as Tokens.List)];
    case 'table':
      return [table(token as Tokens.Table)];
  }
  return [];
}

function list(token: Tokens.List): Node {
  const out: Node = { t: token.ordered ? 'ol' : 'ul', c: [] };
  if (token.ordered && token.start !== 1) out.start = Number(token.start) || -1;
  for (const item of token.items) {
    const li: Node = { t: 'li' };
    if (item.task) li.checked = item.checked ?? false;
    li.c = blocks(item.tokens.filter((t) => t.type !== 'checkbox'));
    out.c!.push(tidy(li));
  }
  return out;
}

function table(token: Tokens.Table): Node {
  const row = (cells: Tokens.TableCell[]): Node => ({ t: 'row', c: cells.map((cell) => tidy({ t: 'cell', c: trimmed(inline(cell.tokens)) })) });
  return { t: 'table', align: token.align.map((a) => a ?? ''), c: [row(token.header), ...token.rows.map(row)] };
}

function inline(tokens: Token[]): Node[] {
  return finish(raw(tokens));
}

/** The inline nodes of tokens, texts not yet put together. */
function raw(tokens: Token[]): Node[] {
  return tokens.flatMap((t) => one(t as Tokens.Generic));
}

function one(token: Tokens.Generic): Node[] {
  switch (token.type) {
    case 'text':
      return token.tokens ? raw(token.tokens) : text(token.raw); // its text has entities decoded
    case 'escape':
      return text(token.text);
    case 'br':
      return [{ t: 'br' }];
    case 'checkbox': // the item has it
      return [];
    case 'em':
    case 'strong':
    case 'del':
      return [{ t: token.type, c: inline(token.tokens ?? []) }];
    case 'codespan':
      return [tidy({ t: 'code', text: token.text })];
    case 'address':
      return [{ t: 'link', href: token.raw, c: text(token.raw) }];
    case 'link':
      if (token.raw.startsWith('<')) return autolink(token.text);
      return link(token.href, raw(token.tokens ?? []));
    case 'image':
      return link(token.href, raw(token.tokens ?? []));
  }
  return text(token.raw);
}

function text(value: string): Node[] {
  return value.split('\n').flatMap((line, i): Node[] => [...(i > 0 ? [{ t: 'br' } as Node] : []), ...(line ? [{ t: 'text', text: line } as Node] : [])]);
}

/** A link or a picture; one to where no message may lead is its text. */
function link(href: string, inside: Node[]): Node[] {
  if (!SAFE.test(href)) return inside;
  const c = merged(unlinked(finish(inside)));
  return [{ t: 'link', href, c: c.length ? c : [{ t: 'text', text: href }] }];
}

function autolink(address: string): Node[] {
  const href = address.includes(':') ? address : `mailto:${address}`;
  if (!SAFE.test(href)) return [{ t: 'text', text: `<${address}>` }];
  return [{ t: 'link', href, c: [{ t: 'text', text: address }] }];
}

/** A node without the fields that are empty, as the server writes it. */
function tidy(node: Node): Node {
  if (!node.lang) delete node.lang;
  if (!node.text) delete node.text;
  if (!node.c?.length) delete node.c;
  return node;
}
