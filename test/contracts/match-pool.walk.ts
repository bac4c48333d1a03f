import { expect } from 'vitest';
import type { MatchOptions } from '../../src/features/matching/contract.ts';
import { timing } from '../../src/features/matching/pool.ts';
import type { Mark, MatchPool, Notice, Party } from '../../src/features/matching/pool.ts';
import { seededRandom } from './seeded-random.ts';
import type { Stage } from './match-pool.stage.ts';

const STEPS = 2_500;
const SOCKETS_PER_USER = 4;
const users = Array.from({ length: 12 }, (_, n) => `u${n}`);
const workers = ['w1', 'w2', 'w3'];

/** What a client makes of what it was told: `told` are the matches it has heard of. */
interface Client {
  readonly party: Party;
  readonly told: Set<string>;
  doing: 'nothing' | 'waiting' | { matchId: string; partnerId: string; initiator: boolean; away: boolean };
}

/**
 * Random steps of twelve people; after each, what can be asked from outside must agree. The clients believe only notices: once
 * all are delivered, every belief must be the truth, also when a collector died before or after it delivered.
 */
export async function randomWalk(stage: Pick<Stage, 'pool' | 'advance'>, seed: number): Promise<void> {
  const { advance } = stage;
  const pool = stage.pool();
  const random = seededRandom(seed);
  const below = (n: number) => Math.floor(random() * n);
  const one = <T>(list: readonly T[]): T => list[below(list.length)] as T;
  const chance = (percent: number) => below(100) < percent;

  const live = new Map<string, Client>();
  const matchIds: string[] = ['never'];
  const happened = new Set<string>();
  const log: string[] = [];
  let made = 0;
  let seen: Mark | undefined;

  const hint = () => `seed ${seed}, step ${log.length}: ${log.slice(-12).join(' · ')}`;
  const socketsOf = (userId: string) => [...live.values()].filter(({ party }) => party.user.id === userId);

  function deliver(notices: readonly Notice[]): void {
    for (const notice of notices) {
      happened.add(
        notice.kind === 'matched' ? `matched${notice.seat.resumed ? ' resumed' : ''}` : notice.kind,
      );
      if (notice.kind === 'unmatched') happened.add(notice.reason);
      const client = live.get(notice.kind === 'matched' ? notice.seat.connectionId : notice.tell);
      if (!client) {
        expect(notice.kind, hint()).toBe('unmatched');
        continue;
      }
      const { doing } = client;
      if (notice.kind === 'matched') {
        const { matchId, partner, initiator, partnerAway: away, userId } = notice.seat;
        expect(userId, hint()).toBe(client.party.user.id);
        expect(partner.id, hint()).not.toBe(userId);
        if (away) happened.add('returned to nobody');
        client.told.add(matchId);
        matchIds.push(matchId);
        client.doing = { matchId, partnerId: partner.id, initiator, away };
      } else if (notice.kind === 'unmatched') {
        const current = typeof doing === 'object' && doing.matchId === notice.matchId;
        if (current || !client.told.has(notice.matchId)) client.doing = 'nothing';
      } else if (typeof doing === 'object' && doing.matchId === notice.matchId) {
        doing.away = notice.kind === 'partner-away';
        if (notice.kind === 'partner-back') doing.initiator = false;
      }
    }
  }

  const options = (): MatchOptions => ({
    ...(chance(50) && {
      interests: [one(['go', 'jazz', 'film', 'chess']), one(['go', 'tea', 'sea'])].slice(below(3)),
    }),
    ...(chance(30) && { language: one(['en', 'fr']) }),
    ...(chance(20) && { mode: one(['text', 'audio'] as const) }),
  });

  async function arrive(client: Client): Promise<string> {
    const matchId = chance(50) ? one(matchIds.slice(-6)) : undefined;
    const arrival = await pool.arrive(client.party, matchId);
    happened.add(arrival.kind);
    if (arrival.kind === 'held')
      expect(live.get(arrival.connectionId)?.party.user.id, hint()).toBe(client.party.user.id);
    if (arrival.kind === 'resumed') deliver(arrival.notices);
    return `arrives ${matchId ?? ''}: ${arrival.kind}`;
  }

  async function collect(): Promise<boolean> {
    const { notices, last } = await pool.collect(seen);
    if (chance(15)) return false;
    deliver(notices);
    if (chance(85)) seen = last;
    return true;
  }

  const acts: Record<string, [weight: number, act: (client: Client) => Promise<string>]> = {
    match: [
      30,
      async (client) => {
        const blocked = chance(10) ? [one(users)] : [];
        const { status, notices } = await pool.request({
          ...client.party,
          options: options(),
          blocked,
          matchId: `m${++made}`,
        });
        happened.add(status);
        if (status === 'waiting') client.doing = 'waiting';
        deliver(notices);
        if (status === 'matched' && notices.length > 0) expect(client.doing, hint()).toBeTypeOf('object');
        return status;
      },
    ],
    cancel: [
      4,
      async (client) => {
        const cancelled = await pool.cancel(client.party.connectionId);
        if (cancelled) client.doing = 'nothing';
        return String(cancelled);
      },
    ],
    leave: [
      5,
      async (client) => {
        deliver(await pool.leave(client.party.connectionId));
        client.doing = 'nothing';
        return '';
      },
    ],
    depart: [
      14,
      async ({ party: { connectionId } }) => {
        live.delete(connectionId);
        deliver(await pool.depart(connectionId));
        return '';
      },
    ],
    again: [4, arrive],
    block: [
      2,
      async ({ party, doing }) => {
        deliver(
          await pool.block(
            party.user.id,
            typeof doing === 'object' && chance(70) ? doing.partnerId : one(users),
          ),
        );
        return '';
      },
    ],
    drop: [
      1,
      async ({ party: { owner } }) => {
        for (const [connectionId, { party }] of live) if (party.owner === owner) live.delete(connectionId);
        await pool.dropOwner(owner);
        return owner;
      },
    ],
    pass: [
      15,
      async () => {
        const ms = chance(90)
          ? below(1_500)
          : one([timing.interestsWidenMs, timing.languageWidenMs, timing.graceMs]);
        await advance(ms);
        return `${ms} ms`;
      },
    ],
  };
  const deck = Object.entries(acts).flatMap(([name, [weight]]) => Array<string>(weight).fill(name));

  async function check(settled: boolean): Promise<void> {
    const sockets = [...live.values()];
    const [counts, seated, partners, seats] = await Promise.all([
      pool.counts(),
      pool.seated(users),
      Promise.all(users.map((userId) => pool.partnerOf(userId))),
      Promise.all(sockets.map(({ party }) => pool.seat(party.connectionId))),
    ]);
    expect(seated.length, hint()).toBe(counts.matches * 2);
    expect(seated, hint()).toEqual(users.filter((_, n) => partners[n]));
    expect(new Set(partners.map((partner) => partner?.matchId).filter(Boolean)).size, hint()).toBe(
      counts.matches,
    );

    for (const [n, userId] of users.entries()) {
      const partner = partners[n];
      if (!partner) continue;
      expect(partner.partnerId, hint()).not.toBe(userId);
      expect(partners[users.indexOf(partner.partnerId)], hint()).toMatchObject({
        matchId: partner.matchId,
        partnerId: userId,
      });
    }

    const holders = new Map<string, string>();
    for (const [n, { party }] of sockets.entries()) {
      const seat = seats[n];
      if (!seat) continue;
      expect(holders.has(party.user.id), hint()).toBe(false);
      holders.set(party.user.id, party.connectionId);
      expect({ userId: seat.userId, ...partners[users.indexOf(party.user.id)] }, hint()).toEqual(seat);
    }
    for (const partner of partners) {
      if (partner) expect(partner.partnerConnectionId, hint()).toBe(holders.get(partner.partnerId) ?? null);
    }
    if (settled) checkBeliefs(counts.waiting, seats);
  }

  function checkBeliefs(waiting: number, seats: readonly Awaited<ReturnType<MatchPool['seat']>>[]): void {
    const offering = new Map<string, boolean[]>();
    for (const [n, { doing }] of [...live.values()].entries()) {
      const seat = seats[n];
      const believed =
        typeof doing === 'object'
          ? { matchId: doing.matchId, partnerId: doing.partnerId, away: doing.away }
          : null;
      const actual = seat
        ? { matchId: seat.matchId, partnerId: seat.partnerId, away: seat.partnerConnectionId === null }
        : null;
      expect(believed, hint()).toEqual(actual);
      if (typeof doing === 'object' && !doing.away) {
        offering.set(doing.matchId, [...(offering.get(doing.matchId) ?? []), doing.initiator]);
      }
    }
    for (const sides of offering.values()) expect(sides.sort(), hint()).toEqual([false, true]);
    expect([...live.values()].filter(({ doing }) => doing === 'waiting').length, hint()).toBe(waiting);
  }

  for (let step = 0; step < STEPS; step += 1) {
    const userId = one(users);
    const sockets = socketsOf(userId);
    if (sockets.length === 0 || (sockets.length < SOCKETS_PER_USER && chance(25))) {
      const connectionId = `${userId}#${step}`;
      const party = {
        connectionId,
        owner: one(workers),
        user: { id: userId, username: userId, avatar: null },
      };
      const client: Client = { party, told: new Set(), doing: 'nothing' };
      live.set(connectionId, client);
      log.push(`${connectionId} ${await arrive(client)}`);
    } else {
      const client = one(sockets);
      const name = one(deck);
      log.push(`${client.party.connectionId} ${name}`);
      log.push(`${log.pop()} ${await acts[name]?.[1](client)}`);
    }
    await check(chance(40) && (await collect()));
  }

  expect([...happened].sort()).toEqual([
    'blocked',
    'candidate',
    'conflict',
    'disconnected',
    'held',
    'left',
    'matched',
    'matched resumed',
    'none',
    'own',
    'partner-away',
    'partner-back',
    'resumed',
    'returned to nobody',
    'skipped',
    'unmatched',
    'waiting',
  ]);

  for (const connectionId of live.keys()) {
    live.delete(connectionId);
    await pool.depart(connectionId);
  }
  await advance(timing.graceMs);
  await pool.collect(seen);
  expect(await pool.counts()).toEqual({ waiting: 0, matches: 0 });
  expect(await pool.seated(users)).toEqual([]);
  await advance(timing.recentMs);
  await pool.collect(seen);
  for (const userId of users) expect(await pool.recentPartners(userId)).toEqual([]);
}
