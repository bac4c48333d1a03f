/** Four processes, each with its own connection, want the same thing at the same moment. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { openMongo, type Mongo } from '../../src/drivers/mongo.ts';
import { MAX_SESSIONS_PER_USER } from '../../src/features/accounts/sessions.ts';
import { limits as conversationLimits } from '../../src/features/conversations/contract.ts';
import { limits } from '../../src/features/moderation/contract.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import { mongoStores, prepareMongo } from '../../src/mongo-stores.ts';
import type { Stores } from '../../src/sqlite-stores.ts';
import { describeMongo, startMongo } from '../harness/mongo.ts';
import { type MongoUnderTest } from '../harness/mongod.ts';
import { guestAccount, NOW } from './account-record.ts';
import { conversation, draft, named } from './conversation-stage.ts';
import type { Outcomes, RaceName } from './mongo-racer.ts';
import { upload, uploadId } from './upload-stage.ts';

const PROCESSES = 4;
const ROUNDS = 40;
const SIGN_INS = 18;
/** Of what takes many steps. */
const LONG_ROUNDS = 15;
const racer = fileURLToPath(new URL('./mongo-racer.ts', import.meta.url));

await describeMongo('four processes with one MongoDB', 'server', () => {
  let server: MongoUnderTest;
  let mongo: Mongo;
  let stores: Stores;
  let racers: ChildProcess[];
  beforeAll(async () => {
    server = await startMongo();
    mongo = await openMongo({ uri: server.uri, answerMs: 4_000, logger: silentLogger });
    stores = mongoStores(mongo);
    await prepareMongo(mongo, 'test', silentLogger);
    racers = Array.from({ length: PROCESSES }, (_, n) => fork(racer, [server.uri, String(n)]));
    await Promise.all(racers.map((child) => once(child, 'message')));
  });
  afterEach(async () => {
    const collections = Object.values(mongo.connection.collections);
    await Promise.all(collections.map((each) => each.deleteMany({ _id: { $exists: true } })));
  });
  afterAll(async () => {
    const gone = racers.map((child) => once(child, 'exit'));
    for (const child of racers) child.disconnect();
    await Promise.all(gone);
    await mongo.close();
    await server.close();
  });

  /** By round: what each process got. */
  async function race(name: RaceName, rounds: number): Promise<string[][]> {
    const answers = racers.map((child) => once(child, 'message'));
    for (const child of racers) child.send({ race: name, rounds });
    const outcomes = (await Promise.all(answers)).map(([outcome]) => outcome as Outcomes);
    return Array.from({ length: rounds }, (_, round) => outcomes.map((outcome) => outcome[round]!));
  }
  const sorted = (answers: string[][]) => answers.map((round) => round.toSorted());
  const all = <T>(rounds: number, value: T) => Array.from({ length: rounds }, () => value);

  it('give a name and an address to one of four, and tell the others both', async () => {
    const refusal = 'CONFLICT username email';
    expect(sorted(await race('create', ROUNDS))).toEqual(all(ROUNDS, ['', refusal, refusal, refusal]));
    expect(await stores.accounts.count()).toBe(ROUNDS);
  });

  it('give an address to one of four with names of their own', async () => {
    const refusal = 'CONFLICT email';
    expect(sorted(await race('address', ROUNDS))).toEqual(all(ROUNDS, ['', refusal, refusal, refusal]));
  });

  it('let one of four guests have the name, and the others stay guests', async () => {
    const answers = await race('convert', ROUNDS);
    for (const [round, answer] of answers.entries()) {
      const [winner, ...others] = answer.filter((each) => !each.startsWith('CONFLICT'));
      expect(others).toEqual([]);
      expect(answer.filter((each) => each === 'CONFLICT username email')).toHaveLength(3);
      expect(await stores.accounts.byEmail(`e${round}@example.org`)).toMatchObject({ id: winner });
    }
    expect(await stores.accounts.count()).toBe(PROCESSES * ROUNDS);
  });

  it('accept a refresh token once, and revoke the session when it comes again', async () => {
    for (let id = 1; id <= ROUNDS; id++) {
      await stores.sessions.create({
        id: String(id),
        userId: String(1_000 + id),
        ip: '192.0.2.1',
        userAgent: '',
        deviceId: null,
        location: null,
        createdAt: NOW,
        lastSeen: NOW,
        expiresAt: NOW + 9_000,
        refreshId: 'r1',
      });
    }
    expect(sorted(await race('rotate', ROUNDS))).toEqual(all(ROUNDS, ['gone', 'gone', 'ok', 'reused']));
    const ids = Array.from({ length: ROUNDS }, (_, i) => String(i + 1));
    expect(await stores.sessions.alive(ids, NOW)).toEqual([]);
  });

  it('keep a user’s most sessions, and revoke each of the others once', async () => {
    const revoked = (await race('signIn', SIGN_INS)).flat().filter(Boolean);
    const living = await stores.sessions.listOf('7', NOW);
    expect(living).toHaveLength(MAX_SESSIONS_PER_USER);
    expect(revoked).toHaveLength(PROCESSES * SIGN_INS - MAX_SESSIONS_PER_USER);
    expect(new Set([...revoked, ...living.map(({ id }) => id)]).size).toBe(PROCESSES * SIGN_INS);
  });

  it('let a user block as many as there may be, and no more', async () => {
    for (let i = 0; i < limits.blocksPerUser - 50; i++)
      await stores.blocks.block('7', String(1_000_000 + i), NOW);
    const answers = (await race('block', 25)).flat();
    expect(answers.filter((answer) => answer === '')).toHaveLength(50);
    expect(answers.filter((answer) => answer === 'CONFLICT')).toHaveLength(50);
    expect(await stores.blocks.idsBlockedBy('7')).toHaveLength(limits.blocksPerUser);
  });

  it('remove each expired guest once', async () => {
    const guests = Array.from({ length: 50 }, () => guestAccount({ expiresAt: NOW }));
    await Promise.all(guests.map((guest) => stores.accounts.create(guest)));
    const removed = (await race('sweep', 1)).flat().flatMap((ids) => ids.split(',').filter(Boolean));
    expect(removed.toSorted()).toEqual(guests.map(({ id }) => id).toSorted());
  });

  it('sweep an upload or use it: never both', async () => {
    const ids = Array.from({ length: ROUNDS }, (_, round) => uploadId(round));
    for (const id of ids) await stores.uploads.create(upload({ id, ownerId: '7' }));
    const answers = await race('useOrSweep', ROUNDS);
    const swept = answers.flatMap(([ids]) => ids!.split(',').filter(Boolean));
    for (const [round, [, ...said]] of answers.entries()) {
      const goes = swept.filter((id) => id === ids[round]).length;
      const [expected, uses] = goes === 1 ? ['gone', undefined] : ['used', PROCESSES - 1];
      expect([goes <= 1, said]).toEqual([true, all(PROCESSES - 1, expected)]);
      expect((await stores.uploads.find(ids[round]!))?.uses.length).toBe(uses);
    }
    console.table({ 'sweeping and using': { swept: swept.length, used: ROUNDS - swept.length } });
  });

  it('hold each name once', async () => {
    expect(sorted(await race('lease', ROUNDS))).toEqual(all(ROUNDS, ['', '', '', 'true']));
  });

  it('open one conversation for a pair, and one for a name', async () => {
    for (const name of ['openDirect', 'openNamed'] as const) {
      for (const [round, answers] of (await race(name, ROUNDS)).entries()) {
        const [ids, created] = [0, 1].map((i) => answers.map((answer) => answer.split(' ')[i]));
        expect(new Set(ids).size).toBe(1);
        expect(created!.toSorted()).toEqual(['false', 'false', 'false', 'true']);
        const id = ids![0]!;
        if (name === 'openNamed')
          expect((await stores.conversations.find(`room${round}`, '7'))?.conversation.id).toBe(id);
        else expect(await stores.conversations.countMembers(id)).toBe(2);
        expect((await stores.messages.append(id, [draft()]))[0]!.message.seq).toBe(1);
      }
    }
    // What the losers had made is gone.
    expect(await mongo.connection.collections['counters']!.countDocuments({}, { hint: '_id_' })).toBe(
      2 * ROUNDS,
    );
  });

  it('remove a name and open it again at once: its numbers go on, and nothing of before is there', async () => {
    for (let again = 0; again < 3; again++) {
      for (const [round, [removed, ...said]] of (await race('reopen', LONG_ROUNDS)).entries()) {
        expect(removed).toBe('true');
        const { conversation } = await stores.conversations.openNamed(named(`room${round}`));
        const { floor, upTo, head } = (await stores.messages.positions([conversation.id]))[0]!;
        expect(upTo).toBeLessThanOrEqual(head);
        const seqs = said.filter((answer) => answer !== 'NOT_FOUND').map(Number);
        const page = await stores.messages.page(
          conversation.id,
          { after: 0 },
          { limit: 99, reader: '', withDeleted: true },
        );
        expect(page.messages.map(({ seq }) => seq)).toEqual(
          seqs.filter((seq) => seq > floor).toSorted((a, b) => a - b),
        );
        expect(new Set(seqs).size).toBe(seqs.length);
      }
    }
  });

  it('let in as many as there may be, and no more', async () => {
    const rounds = 3;
    const members = Array.from({ length: conversationLimits.members - 7 }, (_, i) => String(1_000 + i));
    for (let id = 1; id <= rounds; id++) {
      await stores.conversations.create(conversation({ id: String(id) }), members);
    }
    for (const [round, answers] of (await race('join', rounds)).entries()) {
      const said = answers.flatMap((answer) => answer.split(' ')).toSorted();
      expect(said).toEqual([...all(13, 'CONFLICT'), ...all(7, 'came')]);
      expect(await stores.conversations.countMembers(String(round + 1))).toBe(conversationLimits.members);
    }
  });

  it('leave all at once while others come: who came is there, with an owner, or nothing is', async () => {
    for (let id = 1; id <= LONG_ROUNDS; id++) {
      await stores.conversations.create(conversation({ id: String(id), ownerId: '10' }), [
        '10',
        '11',
        '12',
        '13',
      ]);
    }
    const outcomes = { survived: 0, removed: 0, 'came too late': 0 };
    for (const [round, answers] of (await race('churn', LONG_ROUNDS)).entries()) {
      const id = String(round + 1);
      const said = answers.map((answer) => answer.split(' '));
      expect(said.map(([left]) => left)).toEqual(all(PROCESSES, 'true'));
      const came = said.flatMap(([, , what], i) => (what === 'came' ? [String(20 + i)] : []));
      const removed = said.filter(([, what]) => what === 'true').length;
      const found = await stores.conversations.find(id, '20');
      const members = (await stores.conversations.members(id, 99)).map(({ userId }) => userId);
      expect([removed, found === null]).toEqual(came.length > 0 ? [0, false] : [1, true]);
      expect(members).toEqual(came);
      if (found) expect(came).toContain(found.conversation.ownerId);
      outcomes[found ? 'survived' : 'removed'] += 1;
      outcomes['came too late'] += said.filter(([, , what]) => what === 'NOT_FOUND').length;
    }
    console.table({ 'leaving and joining': outcomes });
  });
});
