import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { duplicateKey, operator, type Mongo } from '../../drivers/mongo.ts';
import { isOutage, unavailable } from '../../drivers/mongo-outages.ts';
import { AppError } from '../../kernel/errors.ts';
import { counterModel } from './counters.mongo.ts';
import type { Deciding } from './deciding.mongo.ts';
import type { Appended, Draft } from './messages.ts';
import { messageDocument, messageFrom, messageModel, type MessageDocument } from './stored-message.mongo.ts';

/**
 * On a majority, so that a failover gives no number again that is below the floor of a removed conversation. Without a replica set it
 * need not wait for the journal: what is inserted is behind it there.
 */
const RESERVED = { w: 'majority' } as const;

/** Before what was refused or is unknown is looked up: twice as long each time. */
const BACK_OFF_MS = 5;
const BACK_OFF_MAX_MS = 200;
/** Fresh ids are up to so much above the draft's: 16 ms later, as ids count. */
const ID_STEPS = 65_536;

/**
 * Somebody else may have this one too, or get it later: then the unique index refuses whoever comes second, who takes another one.
 * So an id needs no owner, and each attempt has one of its own.
 */
const idAbove = (id: string): string => String(Number(id) + randomInt(1, ID_STEPS));

/** The tries of one call to store its drafts: reserve numbers, insert in order, look up what became of it, and again for the rest. */
export function mongoNumbering(mongo: Mongo, { confirm }: Pick<Deciding, 'confirm'>) {
  const counters = counterModel(mongo);
  const messages = messageModel(mongo);

  /**
   * What is stored already under the keys of these drafts, and will stay. Only `majority` shows what a failover cannot take back
   * before it is confirmed; right after one it may not show everything yet, and then the index refuses the draft.
   */
  async function stored(
    conversation: number,
    drafts: readonly Draft[],
  ): Promise<ReadonlyMap<Draft, MessageDocument>> {
    const bySender = Map.groupBy(drafts, ({ senderId }) => senderId);
    const found = await messages
      .find({
        conversation,
        $or: [...bySender].map(([sender, own]) => ({
          sender,
          key: operator({ $in: own.flatMap(({ retry }) => [retry.key, retry.formerKey ?? []].flat()) }),
        })),
      })
      .readConcern('majority')
      .lean();
    if (found.length === 0) return new Map();

    const counter = await counters.findById(conversation).lean();
    if (!counter?.open) throw noConversation();
    const gone = found.filter(({ seq }) => seq <= counter.floor);
    // Of a former life, stored when it had just been cleared: in the way of this one.
    if (gone.length > 0) await messages.deleteMany({ _id: operator({ $in: gone.map(({ _id }) => _id) }) });
    const known = new Map(
      found
        .filter(({ seq }) => seq > counter.floor)
        .map((document) => [`${document.sender} ${document.key}`, document]),
    );
    const answers = new Map<Draft, MessageDocument>();
    for (const draft of drafts) {
      const { key, formerKey, since } = draft.retry;
      const former = known.get(`${draft.senderId} ${formerKey}`);
      const first =
        former && former.createdAt.getTime() >= since ? former : known.get(`${draft.senderId} ${key}`);
      if (first) answers.set(draft, first);
    }
    await confirm([...new Set([...answers.values()].map(({ _id }) => _id))]);
    return answers;
  }

  /** The first of so many numbers in a row. @throws NOT_FOUND */
  async function reserve(conversation: number, count: number): Promise<number> {
    const counter = await counters
      .findOneAndUpdate(
        { _id: conversation, open: true },
        { $inc: { seq: count }, $set: { unused: false } },
        { returnDocument: 'after', projection: { seq: 1 }, writeConcern: RESERVED },
      )
      .lean();
    if (!counter) throw noConversation();
    return counter.seq - count + 1;
  }

  /** Null when it is not known what of it is stored. */
  async function insert(documents: readonly MessageDocument[]): Promise<readonly MessageDocument[] | null> {
    try {
      await messages.collection.insertMany([...documents] as object[], { ordered: true });
      return documents;
    } catch (error) {
      // The server names one index and one document; more of them may be taken.
      if (duplicateKey(error) === undefined && !isOutage(error)) throw error;
      return null;
    }
  }

  return async function append(conversation: number, drafts: readonly Draft[]): Promise<readonly Appended[]> {
    // Who is stopped between reserving and inserting for longer than this was answered UNAVAILABLE, and inserts nothing any more:
    // well before a reader would fill the hole.
    const endsAt = performance.now() + mongo.answerMs;
    const firsts = firstOfEach(drafts);
    const answers = new Map<Draft, Appended>();
    const own = new Set<MessageDocument['_id']>();
    let waiting = [...new Set(firsts.values())];

    for (let attempt = 0; ; attempt++) {
      for (const [draft, document] of await stored(conversation, waiting)) {
        answers.set(draft, { message: messageFrom(document), repeated: !own.has(document._id) });
      }
      waiting = waiting.filter((draft) => !answers.has(draft));
      if (waiting.length === 0) break;
      const first = await reserve(conversation, waiting.length);
      const documents = waiting.map((draft, index) =>
        messageDocument(draft, conversation, first + index, attempt === 0 ? draft.id : idAbove(draft.id)),
      );
      for (const { _id } of documents) own.add(_id);
      if (performance.now() > endsAt) throw unavailable();
      const inserted = await insert(documents);
      if (inserted) {
        for (const [index, draft] of waiting.entries()) {
          answers.set(draft, { message: messageFrom(inserted[index]!), repeated: false });
        }
        break;
      }
      await delay(Math.min(BACK_OFF_MS * 2 ** attempt, BACK_OFF_MAX_MS) * (0.5 + Math.random()));
      if (performance.now() > endsAt) throw unavailable();
    }
    return drafts.map((draft) => {
      const first = firsts.get(draft)!;
      const answer = answers.get(first)!;
      return first === draft ? answer : { ...answer, repeated: true };
    });
  };
}

/** Of each draft the first one of the group that is the same message. */
function firstOfEach(drafts: readonly Draft[]): ReadonlyMap<Draft, Draft> {
  const known = new Map<string, Draft>();
  const firsts = new Map<Draft, Draft>();
  for (const draft of drafts) {
    const { key, formerKey, since } = draft.retry;
    const former = known.get(`${draft.senderId} ${formerKey}`);
    const same = former && former.createdAt >= since ? former : known.get(`${draft.senderId} ${key}`);
    firsts.set(draft, same ? firsts.get(same)! : draft);
    if (!same) known.set(`${draft.senderId} ${key}`, draft);
  }
  return firsts;
}

const noConversation = () => new AppError('NOT_FOUND', 'There is no such conversation.');
