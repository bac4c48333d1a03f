import { afterEach, beforeEach, expect } from 'vitest';
import type { MatchOptions } from '../../src/features/matching/contract.ts';
import type {
  Claims,
  Mark,
  MatchPool,
  Notice,
  Party,
  RequestOutcome,
} from '../../src/features/matching/pool.ts';

export interface MatchPoolUnderTest {
  readonly pool: MatchPool;
  /** Lets `ms` pass for the pool; nothing else moves its time. */
  advance(ms: number): void | Promise<void>;
  /** Everything is lost, and another run begins. */
  lose(): void | Promise<void>;
  /** Undefined where nothing of what was outlives a loss. */
  readonly snapshot?: {
    save(): Promise<void>;
    /** Another run begins with what was there when `save` was called. */
    restore(): Promise<void>;
  };
  close(): void | Promise<void>;
}

interface Socket {
  readonly connectionId: string;
  readonly party: Party;
  /** Requests are numbered: the first of a test would name its match `m1`. */
  match(options?: MatchOptions, blocked?: string[]): Promise<RequestOutcome>;
  cancel(): ReturnType<MatchPool['cancel']>;
  leave(): ReturnType<MatchPool['leave']>;
  arrive(matchId?: string): ReturnType<MatchPool['arrive']>;
  depart(): ReturnType<MatchPool['depart']>;
  seat(): ReturnType<MatchPool['seat']>;
}

export type Stage = ReturnType<typeof stageOf>;

/** Words to write the promises with; every test of the surrounding `describe` gets a pool of its own. */
export function stageOf(make: () => Promise<MatchPoolUnderTest>) {
  let under: MatchPoolUnderTest;
  let asked = 0;
  let seen: Mark | undefined;

  beforeEach(async () => {
    under = await make();
    asked = 0;
    seen = undefined;
  });
  afterEach(() => under.close());

  /** A socket of `userId`. */
  function socket(userId: string, tab = 'tab', owner = 'w1'): Socket {
    const connectionId = `${userId}/${tab}`;
    const party: Party = {
      connectionId,
      owner,
      user: { id: userId, username: userId.toUpperCase(), avatar: null },
    };
    return {
      connectionId,
      party,
      match: (options: MatchOptions = {}, blocked: string[] = []) =>
        under.pool.request({ ...party, options, blocked, matchId: `m${++asked}` }),
      cancel: () => under.pool.cancel(connectionId),
      leave: () => under.pool.leave(connectionId),
      arrive: (matchId?: string) => under.pool.arrive(party, matchId),
      depart: () => under.pool.depart(connectionId),
      seat: () => under.pool.seat(connectionId),
    };
  }
  const advance = async (ms: number) => under.advance(ms);
  /** What `collect` has to say, seen at once. */
  async function collect(): Promise<readonly Notice[]> {
    const { notices, last } = await under.pool.collect(seen);
    seen = last;
    return notices;
  }
  const after = async (ms: number) => {
    await advance(ms);
    return collect();
  };
  /** A match of two new users, named by the request of the second. */
  async function couple(one: Socket, other: Socket): Promise<void> {
    await one.match();
    expect(await other.match()).toMatchObject({ status: 'matched' });
  }
  const waiting = async () => (await under.pool.counts()).waiting;
  const matches = async () => (await under.pool.counts()).matches;
  const partnerOf = async (userId: string) => (await under.pool.partnerOf(userId))?.partnerId;

  const unmatched = (to: Socket, matchId: string, reason: string) => ({
    kind: 'unmatched',
    tell: to.connectionId,
    matchId,
    reason,
  });
  const away = (to: Socket, matchId: string) => ({ kind: 'partner-away', tell: to.connectionId, matchId });
  const back = (to: Socket, matchId: string) => ({ kind: 'partner-back', tell: to.connectionId, matchId });
  const resumed = (to: Socket, from: Socket, matchId: string, partnerIs: 'present' | 'away') => ({
    kind: 'matched',
    seat: {
      matchId,
      connectionId: to.connectionId,
      userId: to.party.user.id,
      partner: from.party.user,
      initiator: partnerIs === 'present',
      sharedInterests: [],
      resumed: true,
      partnerAway: partnerIs === 'away',
    },
  });

  /** What `owner`'s sockets claim; true under `heldUnder`. */
  async function reclaim(owner: string, heldUnder: string, claims: Partial<Claims>) {
    const asOf = await under.pool.standing();
    return under.pool.reclaim({ owner, heldUnder, asOf, seats: [], places: [], candidates: [], ...claims });
  }
  const run = async () => (await under.pool.standing()).run;

  return {
    reclaim,
    run,
    lose: async () => under.lose(),
    snapshot: () => under.snapshot,
    /** The pool of the test that runs. */
    pool: () => under.pool,
    socket,
    advance,
    collect,
    after,
    couple,
    waiting,
    matches,
    partnerOf,
    unmatched,
    away,
    back,
    resumed,
  };
}
