import type { Message } from '../wire';

/** What can stand beside the conversation. */
export type ListPanel = 'members' | 'search' | 'mentions' | 'threads' | 'pins' | 'saved' | 'later';
export type Panel = { kind: ListPanel } | { kind: 'person'; userId: string } | { kind: 'thread'; roomId: string; root: Message };
export type Dialog = '' | 'switcher' | 'new-room' | 'directory' | 'account' | 'settings' | 'room' | 'help' | 'emoji' | 'admin';

const NARROW = '(max-width: 767px)';

/** Which panes are open. On a narrow screen one is seen at a time, and going back leads to the one before. */
export class Panes {
  /** Whether the list of rooms covers a narrow screen. */
  list = $state(false);
  panel = $state.raw<Panel | undefined>();
  dialog = $state<Dialog>('');
  /** The message that a long press has asked what to do with, and the one that is to be deleted. */
  sheet = $state.raw<Message | undefined>();
  deleting = $state.raw<Message | undefined>();
  /** The message that is to be passed on, the one that one wants to be reminded of, and the room that a poll is made for. */
  forwarding = $state.raw<Message | undefined>();
  reminding = $state.raw<Message | undefined>();
  polling = $state('');
  /** Whether something stands above the page. */
  covered = $derived(this.dialog !== '' || this.sheet !== undefined || this.deleting !== undefined || this.forwarding !== undefined || this.reminding !== undefined || this.polling !== '');
  /** How many of the browser's history entries are ours. */
  private depth = 0;

  constructor() {
    addEventListener('popstate', () => {
      if (this.depth === 0) return;
      this.depth--;
      if (this.panel) this.panel = undefined;
      else this.list = true;
    });
  }

  get narrow(): boolean {
    return matchMedia(NARROW).matches;
  }

  showList(): void {
    this.list = true;
  }

  /** Shows the conversation; going back leads to the list again. */
  showRoom(): void {
    if (this.list && this.narrow) this.push();
    this.list = false;
    if (this.narrow) this.panel = undefined;
  }

  showPanel(panel: Panel): void {
    if (!this.panel && this.narrow) this.push();
    this.panel = panel;
  }

  showPerson(userId: string): void {
    this.showPanel({ kind: 'person', userId });
  }

  toggle(kind: ListPanel): void {
    if (this.panel?.kind === kind) this.closePanel();
    else this.showPanel({ kind });
  }

  closePanel(): void {
    if (!this.panel) return;
    if (this.depth > 0 && this.narrow) history.back();
    else this.panel = undefined;
  }

  private push(): void {
    this.depth++;
    history.pushState({ parley: this.depth }, '');
  }
}
