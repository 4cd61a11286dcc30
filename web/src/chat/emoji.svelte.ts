import { loadEmoji } from '../state/emoji';
import { SvelteMap } from 'svelte/reactivity';
import { recall, remember } from '../storage';
import type { OwnEmoji } from '../wire';
import type { Server } from './server.svelte';

const DEFAULTS = ['👍', '🎉', '❤️', '😂', '👀', '✅', '🙏', '🔥'];
const KEPT = 24;

/** The emoji that one uses, the latest first. */
class QuickReactions {
  list = $state<string[]>(stored());

  used(emoji: string): void {
    this.list = [emoji, ...this.list.filter((e) => e !== emoji)].slice(0, KEPT);
    remember('emoji', JSON.stringify(this.list));
  }
}

function stored(): string[] {
  try {
    const list: unknown = JSON.parse(recall('emoji') ?? '[]');
    const own = Array.isArray(list) ? list.filter((e) => typeof e === 'string') : [];
    return [...new Set([...own, ...DEFAULTS])].slice(0, KEPT);
  } catch {
    return DEFAULTS;
  }
}

export const quickReactions = new QuickReactions();

let named = $state.raw<Map<string, string> | undefined>();
let asked = false;

/** The emoji with a name, as :name: means it; nothing while the names are loading, and for one that is none. */
export function emojiNamed(name: string): string | undefined {
  if (!asked) {
    asked = true;
    void loadEmoji().then((data) => (named = data.byName), () => (asked = false));
  }
  return named?.get(name);
}

/** The server's own emoji. There is one copy, because they are drawn in many places. */
class OwnEmojis {
  all = new SvelteMap<string, OwnEmoji>();
  /** Whether one may add to them. */
  mayAdd = $state(false);
  list = $derived([...this.all.values()].sort((a, b) => a.name.localeCompare(b.name)));
  private version = 0;
  private server: Server | undefined;

  of(server: Server): this {
    this.server = server;
    server.connection.socket.on('emoji-changed', (e) => {
      if (e.version <= this.version) return;
      if (e.version > this.version + 1) return void this.sync();
      this.take(e);
    });
    return this;
  }

  async sync(): Promise<void> {
    for (let more = true; more;) {
      const answer = await this.server?.ask('emoji-list', { version: this.version });
      if (!answer?.success) return;
      answer.emoji.forEach((e) => this.take(e));
      more = answer.hasMore;
    }
  }

  private take(e: OwnEmoji): void {
    this.version = Math.max(this.version, e.version);
    if (e.picture) this.all.set(e.name, e);
    else this.all.delete(e.name);
  }
}

export const ownEmoji = new OwnEmojis();
