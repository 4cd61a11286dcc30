import { loadEmoji } from '../state/emoji';
import { recall, remember } from '../storage';

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
