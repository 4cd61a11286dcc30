import type { Role } from '../wire';

const ranks: Role[] = ['guest', 'member', 'moderator', 'admin', 'owner'];

/** Whether a role stands above another. */
export const above = (a: Role, b: Role): boolean => ranks.indexOf(a) > ranks.indexOf(b);

/** Whether a role may administer the server. */
export const administers = (role: Role): boolean => role === 'admin' || role === 'owner';

/** The roles that somebody with one role can give to somebody with another, theirs included; none when they cannot change it. */
export function rolesFor(mine: Role, theirs: Role): Role[] {
  if (!administers(mine) || theirs === 'guest' || above(theirs, mine) || (theirs === mine && mine !== 'owner')) return [];
  return ranks.filter((r) => r !== 'guest' && !above(r, mine));
}

/** A list that comes in pages. */
export interface Pages<T> {
  rows: T[];
  hasMore: boolean;
  /** How many there are altogether. */
  total: number;
}

export const noPages = { rows: [], hasMore: false, total: 0 };

/** What is known after another page: the first one begins the list anew, and has its total. */
export function withPage<T>(known: Pages<T>, rows: T[], hasMore: boolean, total: number | undefined): Pages<T> {
  return { rows: total === undefined ? [...known.rows, ...rows] : rows, hasMore, total: total ?? known.total };
}

/** The same list after one of its rows has changed. */
export function withRow<T>(known: Pages<T>, row: T, idOf: (row: T) => string): Pages<T> {
  return { ...known, rows: known.rows.map((r) => (idOf(r) === idOf(row) ? row : r)) };
}
