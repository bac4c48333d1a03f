/** One of several processes that race for the same decisions: says ready, does what it is told, answers what it got. */
import { setTimeout as delay } from 'node:timers/promises';
import { openMongo } from '../../src/drivers/mongo.ts';
import type { Session } from '../../src/features/accounts/sessions.ts';
import { asAppError } from '../../src/kernel/errors.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import { mongoLeases, mongoStores } from '../../src/mongo-stores.ts';
import type { Stores } from '../../src/sqlite-stores.ts';
import { account, guestAccount, NOW } from './account-record.ts';
import { direct, draft, named } from './conversation-stage.ts';
import { inMessage, uploadId } from './upload-stage.ts';

export interface Race {
  readonly race: RaceName;
  readonly rounds: number;
}
export type RaceName = keyof typeof races;

/** What each round answered: a value of the store, or the code and fields of its refusal. */
export type Outcomes = readonly string[];

const [, , uri = '', me = ''] = process.argv;
/** Ids of this process only. */
const idOf = (round: number) => `${Number(me) + 1}${String(round).padStart(8, '0')}`;

const session = (round: number): Session => ({
  id: idOf(round),
  userId: '7',
  ip: '192.0.2.1',
  userAgent: 'a browser',
  deviceId: null,
  location: null,
  createdAt: NOW,
  lastSeen: NOW + round,
  expiresAt: NOW + 10_000,
  refreshId: 'r1',
});

const races = {
  /** The same name and address in each round, and one that is nobody else's. */
  create: ({ accounts }: Stores, round: number) =>
    accounts.create(account({ id: idOf(round), username: `name${round}`, email: `e${round}@example.org` })),
  address: ({ accounts }: Stores, round: number) =>
    accounts.create(account({ id: idOf(round), email: `e${round}@example.org` })),
  convert: async ({ accounts }: Stores, round: number) => {
    const registration = { username: `name${round}`, email: `e${round}@example.org`, passwordHash: me };
    const guest = guestAccount({ id: idOf(round) });
    await accounts.create(guest);
    return (await accounts.convertGuest(guest.id, registration, NOW))?.id;
  },
  /** Of sessions 1, 2, … that the test made. */
  rotate: ({ sessions }: Stores, round: number) =>
    sessions.rotate(
      String(round + 1),
      { presented: 'r1', next: `${me}.${round}`, expiresAt: NOW + 9_000, ip: '192.0.2.2' },
      NOW,
    ),
  signIn: async ({ sessions }: Stores, round: number) => (await sessions.create(session(round))).join(),
  block: ({ blocks }: Stores, round: number) => blocks.block('7', idOf(round), NOW),
  sweep: async ({ accounts }: Stores) => (await accounts.removeExpiredGuests(NOW, 100)).join(),
  /** Of one pair in each round. */
  openDirect: async ({ conversations }: Stores, round: number) => {
    const candidate = direct(['7', String(100 + round)], { id: idOf(round) });
    const { conversation, created } = await conversations.openDirect(candidate);
    return `${conversation.id} ${created}`;
  },
  openNamed: async ({ conversations }: Stores, round: number) => {
    const { conversation, created } = await conversations.openNamed(
      named(`room${round}`, { id: `9${idOf(round)}` }),
    );
    return `${conversation.id} ${created}`;
  },
  /** One of them removes what the others may just open again, and everybody says something. */
  reopen: async ({ conversations, messages }: Stores, round: number) => {
    const { conversation } = await conversations.openNamed(named(`room${round}`, { id: idOf(round) }));
    if (me === '0') return String(await conversations.remove(conversation.id));
    const said = await messages.append(conversation.id, [draft({ id: idOf(round), senderId: me })]);
    return said[0]!.message.seq;
  },
  /** Conversations 1, 2, … that the test made: five users of this process want in. */
  join: async ({ conversations }: Stores, round: number) => {
    const users = Array.from({ length: 5 }, (_, i) => String(5_000 + 10 * Number(me) + i));
    const asked = users.map((userId) => conversations.join(String(round + 1), [userId], NOW, 0));
    const answers = await Promise.allSettled(asked);
    return answers
      .map((answer) => (answer.status === 'fulfilled' ? 'came' : asAppError(answer.reason).code))
      .join(' ');
  },
  /** Member `me` leaves, and by one of the processes somebody else comes: sooner, at the last moment, or too late. */
  churn: async ({ conversations }: Stores, round: number) => {
    const id = String(round + 1);
    const come = async () => {
      if (Number(me) !== round % 4) return [];
      await delay(Math.random() * 25 * round);
      return conversations.join(id, [String(20 + Number(me))], NOW + 1, 0);
    };
    const [left, joined] = await Promise.allSettled([
      conversations.leave(id, String(10 + Number(me))),
      come(),
    ]);
    if (left.status === 'rejected') throw left.reason;
    const came =
      joined.status === 'fulfilled' ? joined.value.map(() => 'came').join() : asAppError(joined.reason).code;
    return `${left.value.left} ${left.value.removed} ${came}`;
  },
  /** Of uploads 0, 1, … that the test made: one of them sweeps while the others use. */
  useOrSweep: async ({ uploads }: Stores, round: number) => {
    // The sweeps begin with the same few: so they need more of them, and less time.
    await delay(Math.random() * (me === '0' ? 300 : 900));
    if (me === '0') return (await uploads.removeOrphans({ createdBefore: NOW + 1, now: NOW }, 2)).join();
    return (await uploads.use(uploadId(round), '7', inMessage(me))) ? 'used' : 'gone';
  },
  lease: async (_: Stores, round: number) => (await leases.hold(`role ${round}`, me, 60_000)) || undefined,
} satisfies Record<string, (stores: Stores, round: number) => Promise<unknown>>;

const mongo = await openMongo({ uri, answerMs: 4_000, logger: silentLogger });
const stores = mongoStores(mongo);
const leases = mongoLeases(mongo);

async function run({ race, rounds }: Race): Promise<Outcomes> {
  return Promise.all(
    Array.from({ length: rounds }, async (_, round) => {
      try {
        return String((await races[race](stores, round)) ?? '');
      } catch (error) {
        const { code, fields } = asAppError(error);
        return [code, ...Object.keys(fields ?? {})].join(' ');
      }
    }),
  );
}

process.on('message', (message: Race) => void run(message).then((outcomes) => process.send!(outcomes)));
process.on('disconnect', () => process.exit(0));
process.send!('ready');
