import { t, type Key } from '../i18n/index.svelte';
import type { Role } from '../wire';

const names: Record<Role, Key> = { owner: 'role-owner', admin: 'role-admin', moderator: 'role-moderator', member: 'role-member', guest: 'role-guest' };

export const roleName = (role: Role): string => t(names[role] ?? 'role-member');
