/** How well a text matches what was typed, higher is better; 0 when it does not. Its letters must all come, in their order. */
export function score(query: string, text: string): number {
  const q = fold(query);
  const s = fold(text);
  if (q === '') return 1;
  const at = s.indexOf(q);
  if (at === 0) return 100 - Math.min(40, s.length - q.length);
  if (at > 0) return (/[\s._\-#@]/.test(s[at - 1] ?? '') ? 55 : 40) - Math.min(20, at);
  let from = 0;
  let points = 20;
  for (const c of q) {
    const found = s.indexOf(c, from);
    if (found < 0) return 0;
    points -= Math.min(3, found - from);
    from = found + 1;
  }
  return Math.max(1, points);
}

/** Without case and accents. */
export function fold(text: string): string {
  return text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
}

/** The best matches first; what is equally good stays in its order. */
export function rank<T>(query: string, all: T[], textOf: (item: T) => string[], bonus: (item: T) => number = () => 0): T[] {
  return all
    .map((item, i) => ({ item, i, points: Math.max(...textOf(item).map((text) => score(query, text))) }))
    .filter((x) => x.points > 0)
    .sort((a, b) => b.points + bonus(b.item) - a.points - bonus(a.item) || a.i - b.i)
    .map((x) => x.item);
}
