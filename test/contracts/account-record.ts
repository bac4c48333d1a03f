import type { Account } from '../../src/features/accounts/accounts.ts';

export const NOW = Date.UTC(2026, 0, 1);

let lastId = 1_000_000_000_000;
export const nextId = (): string => String(++lastId);

/** A registered user; what a test is about is overridden. */
export function account(overrides: Partial<Account> = {}): Account {
  const id = overrides.id ?? nextId();
  return {
    id,
    username: `user${id}`,
    email: `user${id}@example.org`,
    passwordHash: 'hash',
    avatar: null,
    guest: false,
    status: 'online',
    adminConfirmed: false,
    createdAt: NOW,
    lastSeen: NOW,
    expiresAt: null,
    displayName: null,
    bio: null,
    externalId: null,
    tokensFrom: null,
    ...overrides,
  };
}

export const guestAccount = (overrides: Partial<Account> = {}): Account =>
  account({ email: null, passwordHash: null, guest: true, expiresAt: NOW + 1000, ...overrides });
