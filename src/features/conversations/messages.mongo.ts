import { numberOf, operator, type Mongo } from '../../drivers/mongo.ts';
import { unavailable } from '../../drivers/mongo-outages.ts';
import { counterModel } from './counters.mongo.ts';
import { DECIDED, mongoDeciding, type Standing } from './deciding.mongo.ts';
import type { Message, MessageStore, Page, Position } from './messages.ts';
import { mongoNumbering } from './numbering.mongo.ts';
import { reactionsWith, reactionsWithout, mayReact } from './reactions.mongo.ts';
import { reacted, unreacted, type Reactions } from './reactions.ts';
import { messageFrom, messageModel, visibleTo, type MessageDocument } from './stored-message.mongo.ts';
import { mongoUnread } from './unread.mongo.ts';

/** Each time somebody else reacted in between. */
const ATTEMPTS = 20;

const NOTHING: Page = { messages: [], more: false };

/** @param options.fillAfterMs for tests */
export function mongoMessages(mongo: Mongo, options: { readonly fillAfterMs?: number } = {}): MessageStore {
  const counters = counterModel(mongo);
  const messages = messageModel(mongo);
  const deciding = mongoDeciding(mongo, options);
  const append = mongoNumbering(mongo, deciding);

  /**
   * Of a conversation that there is. Asked after its messages were read: they go only when the counter is closed and its floor
   * raised. `local` shows that as soon as it is acknowledged, also right after a failover, when `majority` may not.
   */
  async function counterOf(conversation: number) {
    const counter = await counters.findById(conversation).lean();
    return counter?.open ? counter : null;
  }

  async function shown(document: MessageDocument | null): Promise<Message | null> {
    const counter = document && (await counterOf(document.conversation));
    return counter && document.seq > counter.floor ? messageFrom(document) : null;
  }

  /** The first `limit` of what was read, without what is below the floor by now. Null when the conversation is gone. */
  async function pageOf(conversation: number, found: readonly MessageDocument[], limit: number) {
    const counter = await counterOf(conversation);
    if (!counter) return null;
    const above = found.filter(({ seq }) => seq > counter.floor);
    // Without a replica set, what is not known to be decided may not be on the disk yet.
    const unsure = mongo.replicated ? [] : above.filter(({ seq }) => seq > counter.decided);
    if (unsure.length > 0) await deciding.confirm(unsure.map(({ _id }) => _id));
    const page = { messages: above.slice(0, limit).map(messageFrom), more: above.length > limit };
    return { ...page, counter, isWhole: above.length === found.length };
  }

  /** The message as it is now, safe from a failover, as no read would be; null also for a deleted one. */
  const undeleted = (id: string) =>
    messages
      .findOneAndUpdate(
        { _id: numberOf(id), deletedAt: null },
        { $max: { seq: 0 } },
        { returnDocument: 'after' },
      )
      .lean();

  /** One write that decides by itself whether it may. Answers the message as it left it; null when it did not match. */
  const changed = (filter: object, change: object) =>
    messages.collection.findOneAndUpdate(filter as object, [{ $set: { ...change, changedAt: '$$NOW' } }], {
      returnDocument: 'after',
    }) as Promise<MessageDocument | null>;

  /** @param next what becomes of the reactions, or null for nothing; throws where that may not be */
  async function react(
    id: string,
    filter: object,
    change: object,
    next: (now: Reactions) => Reactions | null,
  ) {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const after = await changed({ _id: numberOf(id), deletedAt: null, ...filter }, change);
      const document = after ?? (await undeleted(id));
      // It would change something now: it was not so a moment ago.
      if (!after && document && next(document.reactions)) continue;
      const message = await shown(document);
      return message && { message, changed: after !== null };
    }
    throw unavailable();
  }

  const positionOf = ({ _id, upTo, head, floor, epoch }: Standing): Position => ({
    conversationId: String(_id),
    upTo,
    head,
    floor,
    epoch,
  });

  const store: MessageStore = {
    append: (conversationId, drafts) => append(numberOf(conversationId), drafts),

    async byId(id) {
      return shown(await messages.findById(numberOf(id)).readConcern('majority').lean());
    },

    async page(conversationId, range, { limit, reader, withDeleted }) {
      const conversation = numberOf(conversationId);
      const seq = 'before' in range ? { $lt: range.before } : { $gt: range.after };
      const found = await messages
        .find({
          conversation,
          seq: operator(seq),
          ...visibleTo(reader),
          ...(!withDeleted && { deletedAt: null }),
        })
        .sort({ seq: 'before' in range ? -1 : 1 })
        .limit(limit + 1)
        .readConcern('majority')
        .lean();
      const page = await pageOf(conversation, found, limit);
      if (!page) return NOTHING;
      if ('after' in range && !page.isWhole) {
        return store.page(conversationId, { after: page.counter.floor }, { limit, reader, withDeleted });
      }
      return { messages: page.messages, more: page.more };
    },

    async latest(conversationIds, reader) {
      const rows = await counters
        .aggregate<{ newest: MessageDocument[] }>([
          { $match: { _id: { $in: conversationIds.map(numberOf) }, open: true } },
          {
            $lookup: {
              from: messages.collection.name,
              localField: '_id',
              foreignField: 'conversation',
              let: { floor: '$floor' },
              pipeline: [
                {
                  $match: { ...visibleTo(reader), deletedAt: null, $expr: { $gt: ['$seq', '$$floor'] } },
                },
                { $sort: { seq: -1 } },
                { $limit: 1 },
              ],
              as: 'newest',
            },
          },
          { $project: { _id: 0, newest: 1 } },
        ])
        .option(DECIDED);
      return rows.flatMap(({ newest }) => newest.map(messageFrom));
    },

    async positions(conversationIds) {
      return (await deciding.standings(conversationIds.map(numberOf))).map(positionOf);
    },

    async since(conversationId, after, { limit, reader }) {
      const conversation = numberOf(conversationId);
      const [standing] = await deciding.standings([conversation]);
      if (!standing) return null;
      const found = await messages
        .find({
          conversation,
          seq: operator({ $gt: Math.max(after, standing.floor), $lte: standing.upTo }),
          ...visibleTo(reader),
        })
        .sort({ seq: 1 })
        .limit(limit + 1)
        .readConcern('majority')
        .lean();
      const page = await pageOf(conversation, found, limit);
      if (!page) return null;
      if (page.counter.floor > standing.floor) return store.since(conversationId, after, { limit, reader });
      return {
        ...positionOf(standing),
        messages: page.messages,
        more: page.more,
        upTo: page.more ? page.messages.at(-1)!.seq : standing.upTo,
        head: Math.max(standing.head, page.counter.seq),
      };
    },

    async changed(conversationId, { changedAt, id }, { through, limit, reader }) {
      const conversation = numberOf(conversationId);
      const at = new Date(Math.max(0, changedAt));
      const found = await messages
        .find({
          conversation,
          changedAt: operator({ $gte: at }),
          $or: [{ changedAt: operator({ $gt: at }) }, { _id: operator({ $gt: numberOf(id) }) }],
          seq: operator({ $lte: through }),
          ...visibleTo(reader),
        })
        .sort({ changedAt: 1, _id: 1 })
        .limit(limit + 1)
        .readConcern('majority')
        .lean();
      const page = await pageOf(conversation, found, limit);
      return page ? { messages: page.messages, more: page.more } : NOTHING;
    },

    async edit(id, text, notBefore) {
      return shown(
        await changed(
          { _id: numberOf(id), deletedAt: null, createdAt: { $gte: new Date(notBefore) } },
          { text: { $literal: text }, editedAt: '$$NOW' },
        ),
      );
    },

    async remove(id) {
      const _id = numberOf(id);
      const removed = await changed(
        { _id, deletedAt: null },
        { text: '', attachment: null, reactions: [], deletedAt: '$$NOW' },
      );
      if (removed) return shown(removed);
      const before = { _id, deletedAt: operator({ $ne: null }) };
      return shown(await messages.findOneAndUpdate(before, { $max: { seq: 0 } }).lean());
    },

    react: (id, userId, reaction) =>
      react(id, mayReact(userId, reaction), { reactions: reactionsWith(userId, reaction) }, (now) =>
        reacted(now, userId, reaction),
      ),

    unreact: (id, userId, reaction) =>
      react(
        id,
        { reactions: { $elemMatch: { reaction: { $eq: reaction }, userIds: { $eq: userId } } } },
        { reactions: reactionsWithout(userId, reaction) },
        (now) => unreacted(now, userId, reaction),
      ),

    unread: mongoUnread(mongo),
  };
  return store;
}
