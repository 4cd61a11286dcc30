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
