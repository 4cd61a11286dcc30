import type { Typing } from '../wire';

/** How long somebody counts as typing without another word of it. */
export const TYPING_TIMEOUT = 5000;

/** Who is typing. Times are milliseconds since 1970. */
export class Typists {
  private until = new Map<string, { username: string; until: number }>();

  heard(t: Typing, now: number): void {
    if (t.typing) this.until.set(t.userId, { username: t.username, until: now + TYPING_TIMEOUT });
    else this.until.delete(t.userId);
  }

  gone(userId: string): void {
    this.until.delete(userId);
  }

  names(now: number): string[] {
    return [...this.until.values()].filter((t) => t.until > now).map((t) => t.username);
  }
}

/** "Ana is typing…", "Ana, Ben and 2 others are typing…", or nothing. */
export function typingText(names: string[]): string {
  const [a, b, c] = names;
  if (a === undefined) return '';
  if (b === undefined) return `${a} is typing…`;
  if (c === undefined) return `${a} and ${b} are typing…`;
  const others = names.length - 2;
  return `${a}, ${b} and ${others} ${others === 1 ? 'other' : 'others'} are typing…`;
}
