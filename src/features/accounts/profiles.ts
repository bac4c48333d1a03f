import { AppError, asAppError } from '../../kernel/errors.ts';
import type { Facts } from '../../kernel/facts.ts';
import type { Peers } from '../../kernel/peers.ts';
import type { UploadDesk } from '../uploads/contract.ts';
import type { Account, AccountStore, FoundUser, ProfileChanges } from './accounts.ts';
import { limits, type AccountFacts } from './contract.ts';

export interface ProfileNeeds {
  readonly accounts: Pick<AccountStore, 'byId' | 'updateProfile' | 'withNamePrefix'>;
  readonly blocks: { betweenAny(userId: string, others: readonly string[]): Promise<readonly string[]> };
  readonly facts: Facts<AccountFacts>;
  readonly peers: Pick<Peers, 'tell'>;
  readonly uploadDesk: Pick<UploadDesk, 'asAvatar' | 'dropAvatar'>;
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
export function createProfiles({ accounts, blocks, facts, peers, uploadDesk }: ProfileNeeds) {
  /** The upload that was the avatar is it no longer; when nothing was changed, the new one is not. */
  async function withAvatar(
    before: Account,
    { avatar }: ProfileChanges,
    change: () => Promise<Account | null>,
  ): Promise<Account | null> {
    const account = await change().catch(async (error: unknown) => {
      // Of a change whose fate is unknown both stay.
      if (avatar && asAppError(error).code !== 'UNAVAILABLE') await uploadDesk.dropAvatar(avatar);
      throw error;
    });
    if (avatar !== undefined && before.avatar !== null) await uploadDesk.dropAvatar(before.avatar);
    return account;
  }

  return {
    /** @throws CONFLICT with `fields.username`; NOT_FOUND for an avatar that is no upload of the user's own */
    async change(
      userId: string,
      wanted: { readonly [F in keyof ProfileChanges]: ProfileChanges[F] | undefined },
    ): Promise<Account> {
      const before = await accounts.byId(userId);
      if (!before) throw gone();
      const asked =
        typeof wanted.avatar === 'string'
          ? { ...wanted, avatar: await uploadDesk.asAvatar(wanted.avatar, userId) }
          : wanted;
      const changed = Object.fromEntries(
        Object.entries(asked).filter(
          ([field, value]) => value !== undefined && value !== before[field as keyof ProfileChanges],
        ),
      ) as ProfileChanges;
      if (Object.keys(changed).length === 0) return before;

      const account = await withAvatar(before, changed, () => accounts.updateProfile(userId, changed));
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
