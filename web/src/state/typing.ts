import type { Typing } from '../wire';

/** How long somebody counts as typing without another word of it. */
export const TYPING_TIMEOUT = 5000;

/** Who is typing where. Times are milliseconds since 1970. */
export class Typists {
  private until = new Map<string, { roomId: string; userId: string; username: string; until: number }>();

  heard(t: Typing, now: number): void {
    const key = `${t.roomId} ${t.userId}`;
    if (t.typing) this.until.set(key, { roomId: t.roomId, userId: t.userId, username: t.username, until: now + TYPING_TIMEOUT });
    else this.until.delete(key);
  }

  gone(userId: string): void {
    for (const [key, t] of this.until) if (t.userId === userId) this.until.delete(key);
  }

  names(roomId: string, now: number): string[] {
    return [...this.until.values()].filter((t) => t.roomId === roomId && t.until > now).map((t) => t.username);
  }
}
