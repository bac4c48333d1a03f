import type { Redis, Script } from '../../drivers/redis.ts';
import { AppError } from '../../kernel/errors.ts';
import type { PublicUser } from '../../kernel/schemas.ts';
import type { UnmatchReason } from './contract.ts';
import * as decisions from './decisions.redis.ts';
import type { MatchPool, Notice, Party, PlaceClaim, SeatClaim } from './pool.ts';

/** How much one script does at most: Redis serves nobody else meanwhile. */
const SLICE = 200;

/** What Lua makes of a notice: no empty lists, the partner's profile as JSON. */
interface Told {
  readonly kind: Notice['kind'];
  readonly tell: string;
  readonly match: string;
  readonly reason: UnmatchReason;
  readonly userId: string;
  readonly partner: string;
  readonly shared?: readonly string[];
  readonly initiator: boolean;
  readonly resumed: boolean;
  readonly partnerAway: boolean;
}

function noticeOf(text: string): Notice {
  const { kind, tell, match: matchId, reason, userId, partner, shared, ...view } = JSON.parse(text) as Told;
  switch (kind) {
    case 'matched': {
      const { initiator, resumed, partnerAway } = view;
      return {
        kind,
        seat: {
          matchId,
          connectionId: tell,
          userId,
          partner: JSON.parse(partner) as PublicUser,
          initiator,
          sharedInterests: shared ?? [],
          resumed,
          partnerAway,
        },
      };
    }
    case 'unmatched':
      return { kind, tell, matchId, reason };
    case 'partner-away':
    case 'partner-back':
      return { kind, tell, matchId };
  }
}

const partyArgs = ({ connectionId, owner, user }: Party) => [
  connectionId,
  owner,
  user.id,
  JSON.stringify(user),
];
const blockedText = (blocked: readonly string[]) => (blocked.length > 0 ? `,${blocked.join(',')},` : '');
/** An empty list is no list (cjson), and a lone surrogate no text (UTF-8, cjson). */
function interestsOf(interests: readonly string[] | null | undefined): readonly string[] | undefined {
  const given = [...new Set(interests)].map((interest) => interest.toWellFormed());
  return given.length > 0 ? given : undefined;
}

const partyClaim = ({ connectionId, owner, user }: Party) => ({
  connection: connectionId,
  owner,
  id: user.id,
  user: JSON.stringify(user),
});
const seatClaim = (claim: SeatClaim) => ({
  ...partyClaim(claim),
  match: claim.matchId,
  partner: claim.partner.id,
  partnerUser: JSON.stringify(claim.partner),
  shared: interestsOf(claim.sharedInterests),
  initiator: claim.initiator,
  partnerAway: claim.partnerAway,
});
const placeClaim = (claim: PlaceClaim) => ({
  ...partyClaim(claim),
  match: claim.matchId,
  mode: claim.options.mode ?? undefined,
  language: claim.options.language?.toWellFormed(),
  interests: interestsOf(claim.options.interests),
  blocked: blockedText(claim.blocked),
  waitedMs: claim.waitedMs,
});

const stale = () => new AppError('UNAVAILABLE', 'The shared state has just come back. Try again.');

/** Every method is one script, so one decision of Redis; what may be much is done in slices, each of them whole in itself. */
export function redisMatchPool({ redis }: { redis: Pick<Redis, 'run' | 'key'> }): MatchPool {
  const keys = decisions.KEYS.map((name) => redis.key(decisions.TAG, name));
  const run = <Reply>(decision: Script<Reply>, ...args: (string | number)[]) =>
    redis.run(decision, keys, args);

  return {
    async request({ options, blocked, matchId, ...party }) {
      const [status, ...told] = await run(
        decisions.request,
        ...partyArgs(party),
        matchId,
        blockedText(blocked),
        options.mode ?? '',
        options.language?.toWellFormed() ?? '',
        ...(interestsOf(options.interests) ?? []),
      );
      return status === 'conflict' ? { status, notices: [] } : { status, notices: told.map(noticeOf) };
    },

    cancel: async (connectionId) => (await run(decisions.cancel, connectionId)) === 1,

    leave: async (connectionId) => (await run(decisions.leave, connectionId)).map(noticeOf),

    async arrive(party, matchId) {
      const [kind, ...details] = await run(decisions.arrive, ...partyArgs(party), matchId ?? '');
      if (kind === 'resumed') return { kind, notices: details.map(noticeOf) };
      if (kind !== 'held') return { kind };
      const [connectionId, owner] = details as [string, string];
      return { kind, connectionId, owner };
    },

    depart: async (connectionId) => (await run(decisions.depart, connectionId)).map(noticeOf),

    async seat(connectionId) {
      const [matchId, userId, partnerId, partnerConnectionId = null] = await run(
        decisions.seat,
        connectionId,
      );
      if (matchId === undefined || userId === undefined || partnerId === undefined) return null;
      return { matchId, userId, partnerId, partnerConnectionId };
    },

    block: async (by, userId) => (await run(decisions.block, by, userId)).map(noticeOf),

    async partnerOf(userId) {
      const [matchId, partnerId, partnerConnectionId = null] = await run(decisions.partnerOf, userId);
      return matchId === undefined || partnerId === undefined
        ? null
        : { matchId, partnerId, partnerConnectionId };
    },

    recentPartners: (userId) => run(decisions.recentPartners, userId),

    seated: (userIds) => run(decisions.seated, ...userIds),

    async counts() {
      const [waiting, seats] = await run(decisions.counts);
      return { waiting, matches: seats / 2 };
    },

    async collect(seen) {
      while ((await run(decisions.passTime, SLICE)) >= SLICE);
      const [seenEpoch = '', seenNumber = 0] = seen?.split('#') ?? [];
      const found: Notice[] = [];
      let after = 0;
      let more = true;
      let last = '';
      while (more) {
        const [epoch, number, rest, ...told] = await run(
          decisions.notices,
          seenEpoch,
          seenNumber,
          after,
          SLICE,
        );
        found.push(...told.map(noticeOf));
        last = `${epoch}#${number}`;
        after = number;
        more = rest === 1;
      }
      return { notices: found, last };
    },

    async dropOwner(owner) {
      while ((await run(decisions.dropOwner, owner, SLICE)) > 0);
    },

    async standing() {
      const [run_, turn] = await run(decisions.standing);
      return { run: run_, turn: Number(turn ?? 0) };
    },

    async reclaim({ owner, heldUnder, asOf, seats, places, candidates }) {
      const claims = [...seats.map(seatClaim), ...places.map(placeClaim), ...candidates.map(partyClaim)];
      const found: Notice[] = [];
      const dropped: string[] = [];
      for (let from = 0; from < claims.length; from += SLICE) {
        const slice = claims.slice(from, from + SLICE).map((claim) => JSON.stringify(claim));
        const [told, without = []] = await run(decisions.reclaim, asOf.run, heldUnder, asOf.turn, ...slice);
        if (told === decisions.STALE) throw stale();
        found.push(...told.map(noticeOf));
        dropped.push(...without);
      }
      const mentioned = claims.map(({ connection }) => connection);
      const told = await run(decisions.sweep, asOf.run, asOf.turn, owner, ...mentioned);
      if (told[0] === decisions.STALE) throw stale();
      return { notices: [...found, ...told.map(noticeOf)], dropped };
    },
  };
}
