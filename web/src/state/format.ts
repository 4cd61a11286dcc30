/** A field's text and what is selected in it. */
export interface Edited {
  text: string;
  from: number;
  to: number;
}

/** Puts a mark around what is selected, or takes it away when it is there. */
export function mark({ text, from, to }: Edited, around: string): Edited {
  const n = around.length;
  if (text.slice(from - n, from) === around && text.slice(to, to + n) === around) {
    return { text: text.slice(0, from - n) + text.slice(from, to) + text.slice(to + n), from: from - n, to: to - n };
  }
  const selected = text.slice(from, to);
  // Markdown wants no space inside its marks.
  const lead = selected.length - selected.trimStart().length;
  const core = selected.trim();
  const start = from + (core ? lead : 0);
  const end = core ? start + core.length : to;
  return { text: text.slice(0, start) + around + text.slice(start, end) + around + text.slice(end), from: start + n, to: end + n };
}

/** Puts a beginning before each selected line, or takes it away when all have it. # in it stands for the line's number. */
export function prefix({ text, from, to }: Edited, begin: string): Edited {
  const first = text.lastIndexOf('\n', from - 1) + 1;
  const after = text.indexOf('\n', to);
  const last = after < 0 ? text.length : after;
  const lines = text.slice(first, last).split('\n');
  const beginOf = (i: number) => begin.replace('#', String(i + 1));
  const all = lines.every((line, i) => line.startsWith(beginOf(i)));
  const changed = lines.map((line, i) => (all ? line.slice(beginOf(i).length) : beginOf(i) + line)).join('\n');
  return { text: text.slice(0, first) + changed + text.slice(last), from: lines.length === 1 ? first + changed.length : first, to: first + changed.length };
}

/** Makes what is selected a link, with the address to be typed. */
export function link({ text, from, to }: Edited): Edited {
  const selected = text.slice(from, to) || '';
  const at = from + selected.length + 3;
  return { text: `${text.slice(0, from)}[${selected}](https://)${text.slice(to)}`, from: selected ? at : from + 1, to: selected ? at + 8 : from + 1 };
}

/** Makes what is selected a block of code, on lines of its own. */
export function fence({ text, from, to }: Edited): Edited {
  const before = from > 0 && text[from - 1] !== '\n' ? '\n' : '';
  const after = to < text.length && text[to] !== '\n' ? '\n' : '';
  const start = from + before.length + 4;
  return { text: `${text.slice(0, from)}${before}\`\`\`\n${text.slice(from, to)}\n\`\`\`${after}${text.slice(to)}`, from: start, to: start + to - from };
}

/** Whether a place is inside a block of code that is not ended before it: Enter breaks the line there. */
export function inFence(text: string, at: number): boolean {
  return (text.slice(0, at).match(/^ {0,3}```/gm) ?? []).length % 2 === 1;
}
