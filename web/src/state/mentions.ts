import type { Node } from '../markdown/tree';

/** Somebody who may be meant by an @. */
export interface Named {
  userId: string;
  username: string;
  login?: string;
}

/** What the rest of a text says after a mention, and whom the mention means. */
export interface Mentioned {
  userId: string;
  /** How much of the text that follows is part of the name: names may have spaces, which the grammar does not know. */
  more: number;
}

/** Whom a mention means: an account's name, or a person's whole name, the longest that is written there. */
export function mentioned(name: string, after: string, people: Iterable<Named>): Mentioned | undefined {
  const written = (name + after).toLowerCase();
  let found: (Mentioned & { length: number }) | undefined;
  for (const p of people) {
    for (const called of [p.login, p.username]) {
      if (!called) continue;
      const { length } = called;
      if (length < name.length || length <= (found?.length ?? 0) || !written.startsWith(called.toLowerCase()) || /^[\p{L}\p{N}_]/u.test((name + after).slice(length))) continue;
      found = { userId: p.userId, more: length - name.length, length };
    }
  }
  return found && { userId: found.userId, more: found.more };
}

/** Inline nodes, with each mention told whom it means; names that go on after the grammar's end are whole. */
export type Shown = Node & { userId?: string; c?: Shown[] };

export function named(nodes: Node[], people: Named[]): Shown[] {
  const out: Shown[] = [];
  let cut = 0; // how much of this node's text the mention before it took
  nodes.forEach((n, i) => {
    const taken = cut;
    cut = 0;
    if (n.t === 'text' && taken > 0) {
      const rest = n.text!.slice(taken);
      if (rest) out.push({ ...n, text: rest });
      return;
    }
    const next = nodes[i + 1];
    const found = n.t === 'mention' ? mentioned(n.text!, next?.t === 'text' ? next.text! : '', people) : undefined;
    if (!found) return out.push(n);
    cut = found.more;
    out.push({ ...n, text: n.text! + (next?.text ?? '').slice(0, found.more), userId: found.userId });
  });
  return out;
}
