import { AppError } from '../../kernel/errors.ts';
import type { Facts } from '../../kernel/facts.ts';
import type { Peers } from '../../kernel/peers.ts';
import type { Account, AccountStore, FoundUser, ProfileChanges } from './accounts.ts';
import { limits, type AccountFacts } from './contract.ts';

export interface ProfileNeeds {
  readonly accounts: Pick<AccountStore, 'byId' | 'updateProfile' | 'withNamePrefix'>;
  readonly blocks: { betweenAny(userId: string, others: readonly string[]): Promise<readonly string[]> };
  readonly facts: Facts<AccountFacts>;
  readonly peers: Pick<Peers, 'tell'>;
}

/** To every worker: the user's live sockets there go by these from now on. */
export const RENAMED = 'accounts:renamed';
export interface Renamed {
  readonly userId: string;
  readonly username: string;
  readonly avatar: string | null;
}

/** Names looked at in one step of a search: some may be hidden. */
const SEARCH_STEP = 50;

const gone = () => new AppError('UNAUTHENTICATED', 'This account is gone.');

/** What users show of themselves, and how others find them. */
export function createProfiles({ accounts, blocks, facts, peers }: ProfileNeeds) {
  return {
    /** @throws CONFLICT with `fields.username`; NOT_FOUND for an avatar that is no upload of the user's own */
    async change(
      userId: string,
      wanted: { readonly [F in keyof ProfileChanges]: ProfileChanges[F] | undefined },
    ): Promise<Account> {
      if (typeof wanted.avatar === 'string') throw new AppError('NOT_FOUND', 'There is no such upload.');
      const before = await accounts.byId(userId);
      if (!before) throw gone();
      const changed = Object.fromEntries(
        Object.entries(wanted).filter(
          ([field, value]) => value !== undefined && value !== before[field as keyof ProfileChanges],
        ),
      ) as ProfileChanges;
      if (Object.keys(changed).length === 0) return before;

      const account = await accounts.updateProfile(userId, changed);
      if (!account) throw gone();
      const { username, avatar } = account;
      // Before anybody hears of it: whatever a socket sends after its `user_updated` has the new name.
      peers.tell(RENAMED, { userId, username, avatar } satisfies Renamed);
      await facts.announce('profile.changed', { userId, changed });
      return account;
    },

    /** Those whose name begins so, but the caller, and whoever blocked the other; in the order of names. */
    async search(callerId: string, prefix: string): Promise<readonly FoundUser[]> {
      const found: FoundUser[] = [];
      for (let after: string | null = null; ;) {
        const step = await accounts.withNamePrefix(prefix, after, SEARCH_STEP);
        const others = step.filter(({ id }) => id !== callerId);
        const hidden = new Set(
          await blocks.betweenAny(
            callerId,
            others.map(({ id }) => id),
          ),
        );
        found.push(...others.filter(({ id }) => !hidden.has(id)));
        const last = step.at(-1);
        if (found.length >= limits.found || step.length < SEARCH_STEP || !last) {
          return found.slice(0, limits.found);
        }
        after = last.username;
      }
    },
  };
}
