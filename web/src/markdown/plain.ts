import { parse } from './parse';
import type { Node } from './tree';

/** What a message says, for notifications, excerpts and screen readers: as the server's markdown.Plain has it. Spoilers are not in it. */
export function plain(source: string): string {
  return plainBlocks(parse(source), '').replace(/\n$/, '');
}

function plainBlocks(nodes: Node[], indent: string): string {
  return nodes.map((n) => plainBlock(n, indent)).join('');
}

function plainBlock(n: Node, indent: string): string {
  switch (n.t) {
    case 'quote':
      return plainBlocks(n.c ?? [], `${indent}> `);
    case 'ul':
    case 'ol':
      return plainList(n, indent);
    case 'pre':
      return (n.text ?? '').split('\n').map((line) => `${indent}${line}\n`).join('');
    case 'hr':
      return `${indent}---\n`;
    case 'table':
      return (n.c ?? []).map((row) => `${indent}${(row.c ?? []).map((cell) => plainInline(cell.c ?? [], indent)).join(' | ')}\n`).join('');
  }
  return `${indent}${plainInline(n.c ?? [], indent)}\n`;
}

function plainList(list: Node, indent: string): string {
  let number = Math.max(list.start ?? 1, 0);
  return (list.c ?? []).map((item) => {
    let mark = list.t === 'ol' ? `${number++}. ` : '- ';
    if (item.checked !== undefined) mark += item.checked ? '[x] ' : '[ ] ';
    const deeper = indent + ' '.repeat(mark.length);
    const inside = plainBlocks(item.c ?? [], deeper);
    return indent + (inside === '' ? `${mark.trimEnd()}\n` : mark + inside.slice(deeper.length));
  }).join('');
}

function plainInline(nodes: Node[], indent: string): string {
  return nodes.map((n) => {
    switch (n.t) {
      case 'text':
      case 'code':
        return n.text ?? '';
      case 'br':
        return `\n${indent}`;
      case 'mention':
        return `@${n.text}`;
      case 'emoji':
        return `:${n.text}:`;
      case 'spoiler':
        return '█████';
      case 'link': {
        const same = n.c?.length === 1 && n.c[0]!.text === n.href!.replace(/^mailto:/, '');
        return plainInline(n.c ?? [], indent) + (same ? '' : ` (${n.href})`);
      }
    }
    return plainInline(n.c ?? [], indent);
  }).join('');
}
