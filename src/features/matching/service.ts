import type { Connection, UserIdentity } from '../../kernel/connection.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Ids } from '../../kernel/ids.ts';
import type { Outbox } from '../../kernel/outbox.ts';
import type { Peers } from '../../kernel/peers.ts';
import { roomOf } from '../../kernel/rooms.ts';
import type { Matched, MatchOptions, matchingContract, UnmatchReason } from './contract.ts';
import type { CopiedMatchPool } from './pool.copied.ts';
import type { Mark, Notice, Party } from './pool.ts';

/** How long a socket that only seems alive has to answer a ping before its seat is vacated (CONTRACT 19). */
const PROBE_MS = 2_000;
/** Beyond the probe itself: the way to the other worker and back. */
const PROBE_REPLY_MS = PROBE_MS + 500;
const PROBE_TOPIC = 'matching:probe';

export interface MatchingNeeds {
  readonly pool: CopiedMatchPool;
  readonly blocks: {
    idsBlockedBy(userId: string): Promise<readonly string[]>;
    betweenAny(userId: string, otherIds: readonly string[]): Promise<readonly string[]>;
    blockedPairs(
      pairs: readonly (readonly [string, string])[],
    ): Promise<readonly (readonly [string, string])[]>;
  };
  readonly connections: { get(id: string): Connection | undefined };
  readonly outbox: Outbox<(typeof matchingContract)['pushes']>;
  readonly peers: Peers;
  readonly ids: Ids;
  readonly owner: string;
}

export function createMatching(needs: MatchingNeeds) {
  const { pool, outbox } = needs;
  /** The last collected notice that was delivered. */
  let seen: Mark | undefined;
  let owesBlocks = false;

  const partyOf = (connection: Connection, { id, username, avatar }: UserIdentity): Party => ({
    connectionId: connection.id,
    owner: needs.owner,
    user: { id, username, avatar },
  });

  function deliver(notices: readonly Notice[]): void {
    for (const notice of notices) {
      switch (notice.kind) {
        case 'matched': {
          const { matchId, partner, initiator, sharedInterests, resumed, partnerAway } = notice.seat;
          outbox.push(roomOf('seat', notice.seat.connectionId), 'user:matched', {
            matchId,
            matchedUser: partner,
            initiator,
            sharedInterests: [...sharedInterests],
            ...(resumed && { resumed }),
            ...(partnerAway && { partnerAway }),
          });
          break;
        }
        case 'unmatched':
          outbox.push(roomOf('seat', notice.tell), 'user:unmatched', {
            matchId: notice.matchId,
            reason: notice.reason,
          });
          break;
        case 'partner-away':
          outbox.push(roomOf('seat', notice.tell), 'user:partner-away', { matchId: notice.matchId });
          break;
        case 'partner-back':
          outbox.push(roomOf('seat', notice.tell), 'user:partner-back', {
            matchId: notice.matchId,
            initiator: false,
          });
          break;
      }
    }
  }

  /** Gives back what a socket that closed meanwhile has just been given. */
  async function unlessGone(connection: Connection): Promise<void> {
    if (!connection.alive) deliver(await pool.depart(connection.id));
  }

  /** A block that was stored while the request was on its way was not in it. */
  async function partIfBlocked(userId: string): Promise<void> {
    const pair = await pool.partnerOf(userId);
    if (!pair) return;
    const blocked = await needs.blocks.betweenAny(userId, [pair.partnerId]);
    if (blocked.length > 0) deliver(await pool.block(userId, pair.partnerId));
  }

  needs.peers.handle(PROBE_TOPIC, async (connectionId) => {
    const connection = needs.connections.get(connectionId);
    if (!connection) return undefined;
    if (await connection.probe(PROBE_MS)) return true;
    deliver(await pool.depart(connectionId));
    connection.drop('discard');
    return false;
  });

  return {
    /** The copy of the seats hears what other workers push to this socket. */
    listen(connection: Connection): void {
      connection.onPushed((event, body) => {
        const notice = noticeOf(connection, event, body);
        if (notice) pool.heard([notice]);
      });
    },

    /** A user's socket is there: in its room before it claims a seat, whichever way it comes to one. */
    async arrive(connection: Connection, user: UserIdentity): Promise<void> {
      connection.join(roomOf('seat', connection.id));
      const named = connection.auth['matchId'];
      const matchId = typeof named === 'string' ? named : undefined;
      const party = partyOf(connection, user);

      let arrival = await pool.arrive(party, matchId);
      if (arrival.kind === 'held') {
        const alive = await needs.peers.ask(PROBE_TOPIC, arrival.connectionId, PROBE_REPLY_MS);
        if (alive === false) arrival = await pool.arrive(party, matchId);
      }
      if (arrival.kind === 'resumed') deliver(arrival.notices);
      if (arrival.kind === 'none' && matchId !== undefined) {
        connection.emit('user:unmatched', { matchId, reason: 'disconnected' });
      }
      await unlessGone(connection);
    },

    async depart(connection: Connection): Promise<void> {
      connection.leave(roomOf('seat', connection.id));
      deliver(await pool.depart(connection.id));
    },

    async match(connection: Connection, user: UserIdentity, options: MatchOptions) {
      const blocked = await needs.blocks.idsBlockedBy(user.id);
      const outcome = await pool.request({
        ...partyOf(connection, user),
        options,
        blocked,
        matchId: needs.ids.next(),
      });
      if (outcome.status === 'conflict') {
        throw new AppError('CONFLICT', 'You are already waiting or talking in another window.');
      }
      deliver(outcome.notices);
      await partIfBlocked(user.id);
      await unlessGone(connection);
      return { status: outcome.status };
    },

    async cancel(connection: Connection): Promise<void> {
      await pool.cancel(connection.id);
    },

    async leave(connection: Connection): Promise<void> {
      deliver(await pool.leave(connection.id));
    },

    async block(by: string, userId: string): Promise<void> {
      deliver(await pool.block(by, userId));
    },

    /** After the shared state was away: claims what this worker's sockets have, and tells what became of the rest. */
    async restate(): Promise<void> {
      deliver((await pool.reclaimAll()).notices);
      owesBlocks = true;
    },

    /**
     * Ends matches of this worker's sockets that a block should have ended: it was stored, and the state was away. Does something
     * after `restate` only, until it has succeeded: the store may be away as well.
     */
    async catchUpOnBlocks(): Promise<void> {
      if (!owesBlocks) return;
      owesBlocks = false;
      try {
        for (const [userId, partnerId] of await needs.blocks.blockedPairs(pool.pairs())) {
          deliver(await pool.block(userId, partnerId));
        }
      } catch (error) {
        owesBlocks = true;
        throw error;
      }
    },

    /** For the one worker that has the role. */
    async collect(): Promise<void> {
      const { notices, last } = await pool.collect(seen);
      deliver(notices);
      seen = last;
    },
  };
}

type Pushes = (typeof matchingContract)['pushes'];

/** What a push tells this worker about its own socket, when another worker has delivered it. */
function noticeOf(connection: Connection, event: string, body: unknown): Notice | null {
  const tell = connection.id;
  switch (event as keyof Pushes) {
    case 'user:matched': {
      const { matchId, matchedUser, initiator, sharedInterests, resumed, partnerAway } = body as Matched;
      const seat = { matchId, connectionId: tell, userId: connection.identity.id, partner: matchedUser };
      return {
        kind: 'matched',
        seat: {
          ...seat,
          initiator,
          sharedInterests,
          resumed: resumed === true,
          partnerAway: partnerAway === true,
        },
      };
    }
    case 'user:unmatched':
      return { kind: 'unmatched', tell, ...(body as { matchId: string; reason: UnmatchReason }) };
    case 'user:partner-away':
      return { kind: 'partner-away', tell, matchId: (body as { matchId: string }).matchId };
    case 'user:partner-back':
      return { kind: 'partner-back', tell, matchId: (body as { matchId: string }).matchId };
    default:
      return null;
  }
}
