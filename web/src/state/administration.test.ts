import { describe, expect, it } from 'vitest';
import { noPages, rolesFor, withPage, withRow, type Pages } from './administration';

describe('the roles that can be given', () => {
  it('are none above one’s own', () => {
    expect(rolesFor('admin', 'member')).toEqual(['member', 'moderator', 'admin']);
    expect(rolesFor('owner', 'member')).toEqual(['member', 'moderator', 'admin', 'owner']);
    expect(rolesFor('owner', 'owner')).toContain('member');
  });

  it('are none to guests, to those above, and to those beside an admin', () => {
    expect(rolesFor('owner', 'guest')).toEqual([]);
    expect(rolesFor('admin', 'owner')).toEqual([]);
    expect(rolesFor('admin', 'admin')).toEqual([]);
    expect(rolesFor('moderator', 'member')).toEqual([]);
  });
});

describe('a list in pages', () => {
  const page = (...ids: string[]) => ids.map((id) => ({ id, n: 0 }));

  it('grows by further pages and begins anew with a first one', () => {
    let list: Pages<{ id: string; n: number }> = withPage(noPages, page('a', 'b'), true, 3);
    list = withPage(list, page('c'), false, undefined);
    expect(list).toEqual({ rows: page('a', 'b', 'c'), hasMore: false, total: 3 });
    expect(withPage(list, page('x'), false, 1)).toEqual({ rows: page('x'), hasMore: false, total: 1 });
  });

  it('shows a row as it has become, where it stood', () => {
    const list = withRow(withPage(noPages, page('a', 'b'), false, 2), { id: 'a', n: 1 }, (r) => r.id);
    expect(list.rows).toEqual([{ id: 'a', n: 1 }, { id: 'b', n: 0 }]);
  });
});
