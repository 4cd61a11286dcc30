import { noPages, withPage, withRow, type Pages } from '../state/administration';
import { t } from '../i18n/index.svelte';
import type { Refusal } from '../wire';

/** A page of a list as the server answers it, with its rows under a name of their own. */
export interface Page<T> {
  rows: T[];
  hasMore: boolean;
  total?: number;
}

/** A list that is looked through. Of several questions the last one counts, whichever answer comes first. */
export class Listing<T> {
  pages = $state.raw<Pages<T>>(noPages);
  loaded = $state(false);
  problem = $state('');
  private asked = 0;

  constructor(private readonly idOf: (row: T) => string, private readonly ask: (after: string) => Promise<Page<T> | Refusal | undefined>) {}

  async load(more = false): Promise<void> {
    const mine = ++this.asked;
    const last = more ? this.pages.rows.at(-1) : undefined;
    const answer = await this.ask(last ? this.idOf(last) : '');
    if (mine !== this.asked) return;
    this.loaded = true;
    this.problem = !answer ? t('no-connection') : 'error' in answer ? answer.error : '';
    if (answer && 'rows' in answer) this.pages = withPage(this.pages, answer.rows, answer.hasMore, answer.total);
  }

  /** Shows a row as it has become. */
  put(row: T): void {
    this.pages = withRow(this.pages, row, this.idOf);
  }
}
