import { AppError } from '../../kernel/errors.ts';
import type { Facts } from '../../kernel/facts.ts';
import type { Ids } from '../../kernel/ids.ts';
import type { PublicUser } from '../../kernel/schemas.ts';
import type { Pair } from '../matching/contract.ts';
import type { BlockStore } from './blocks.ts';
import type { ModerationFacts, ReportReason } from './contract.ts';
import type { ReportStore } from './reports.ts';

export interface ModerationNeeds {
  readonly blocks: BlockStore;
  readonly reports: ReportStore;
  readonly accounts: { byIds(ids: readonly string[]): Promise<readonly PublicUser[]> };
  readonly pairs: { current(connectionId: string): Promise<Pair> };
  readonly facts: Facts<ModerationFacts>;
  readonly ids: Ids;
  readonly clock: { now(): number };
}

export function createModeration({ blocks, reports, accounts, pairs, facts, ids, clock }: ModerationNeeds) {
  /** Who is meant: the user named, who must exist and be somebody else, or the caller's current partner. */
  async function subjectOf(connectionId: string, userId: string, named: string | undefined) {
    const pair = await pairs.current(connectionId).catch((error: unknown) => {
      if (named !== undefined && error instanceof AppError && error.code === 'NOT_MATCHED') return null;
      throw error;
    });
    const subject = named ?? pair!.partnerId;
    if (subject === userId)
      throw new AppError('BAD_INPUT', 'That is you.', { userId: 'must be somebody else' });
    if ((await accounts.byIds([subject])).length === 0)
      throw new AppError('NOT_FOUND', 'There is no such user.');
    return { subject, matchId: pair?.partnerId === subject ? pair.matchId : null };
  }

  return {
    async block(connectionId: string, userId: string, named: string | undefined): Promise<string> {
      const { subject } = await subjectOf(connectionId, userId, named);
      await blocks.block(userId, subject, clock.now());
      await facts.announce('user.blocked', { by: userId, userId: subject });
      return subject;
    },

    async report(
      connectionId: string,
      userId: string,
      { userId: named, reason, details }: { userId?: string; reason: ReportReason; details?: string },
    ): Promise<string> {
      const { subject, matchId } = await subjectOf(connectionId, userId, named);
      const id = ids.next();
      await reports.add({
        id,
        by: userId,
        userId: subject,
        reason,
        details: details ?? null,
        matchId,
        at: clock.now(),
      });
      return id;
    },

    async reports(limit: number, beforeId: string | null) {
      const found = await reports.newest(limit, beforeId);
      return found.map(({ at, ...report }) => ({ ...report, createdAt: new Date(at).toISOString() }));
    },

    async blockedBy(userId: string): Promise<readonly PublicUser[]> {
      return accounts.byIds(await blocks.idsBlockedBy(userId));
    },

    async unblock(userId: string, blockedId: string): Promise<void> {
      if (!(await blocks.unblock(userId, blockedId)))
        throw new AppError('NOT_FOUND', 'You have not blocked this user.');
    },
  };
}
