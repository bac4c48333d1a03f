import { insertFree, operator, type Mongo } from '../../drivers/mongo.ts';
import { unavailable } from '../../drivers/mongo-outages.ts';
import { counterModel, type CounterDocument } from './counters.mongo.ts';
import { FILL_AFTER_MS } from './messages.ts';
import { messageModel, voidDocument, type MessageDocument } from './stored-message.mongo.ts';

/** What is never taken back: not by a failover either. */
export const DECIDED = { readConcern: { level: 'majority' } } as const;

/** Numbers read at once. */
const WALK = 500;
/** A walk of so many is noted, so that the next one begins behind it. */
const NOTE_AFTER = 100;
/** What is filled at once, and how often one answer tries. */
const FILLS = 1_000;
const ATTEMPTS = 3;
/** `storedAt` is cut to whole seconds: everything seems up to this much older. */
const STAMP_MS = 1_000;

/** Where a conversation's decided prefix ends, and its counter. */
export interface Standing extends Pick<CounterDocument, '_id' | 'floor' | 'epoch'> {
  readonly upTo: number;
  readonly head: number;
}

interface Walk extends CounterDocument {
  readonly from: number;
  /** The first numbers behind `from` that are stored. */
  readonly stored: readonly { readonly seq: number; readonly old: boolean }[];
}

/**
 * Says which numbers are, for good, a message or a void: never by the counter, which only says what was reserved, but by what is
 * stored, without a hole, from the last known end on. A hole below a message that has been there for FILL_AFTER_MS belongs to a
 * writer that died, or is so late that it has to reserve again: it becomes a void, and the unique index decides who came first.
 */
export function mongoDeciding(mongo: Mongo, { fillAfterMs = FILL_AFTER_MS } = {}) {
  const counters = counterModel(mongo);
  const messages = messageModel(mongo);

  /** @param known to be decided */
  const walks = (ids: readonly number[], known = 0) =>
    counters
      .aggregate<Walk>([
        { $match: { _id: { $in: ids }, open: true } },
        { $set: { from: { $max: ['$decided', '$floor', known] } } },
        {
          $lookup: {
            from: messages.collection.name,
            localField: '_id',
            foreignField: 'conversation',
            let: { from: '$from' },
            pipeline: [
              { $match: { $expr: { $gt: ['$seq', '$$from'] } } },
              { $sort: { seq: 1 } },
              { $limit: WALK },
              {
                $project: {
                  _id: 0,
                  seq: 1,
                  old: {
                    $gte: [{ $subtract: ['$$NOW', { $toDate: '$storedAt' }] }, fillAfterMs + STAMP_MS],
                  },
                },
              },
            ],
            as: 'stored',
          },
        },
      ])
      .option(DECIDED);

  /**
   * These exist on a majority of disks when this resolves: a write that changes nothing is acknowledged only then, while what is read
   * may be taken back.
   */
  async function confirm(ids: readonly MessageDocument['_id'][]): Promise<void> {
    const { matchedCount } = await messages.updateMany(
      { _id: operator({ $in: [...ids] }) },
      { $max: { seq: 0 } },
    );
    if (matchedCount !== ids.length) throw unavailable();
  }

  async function confirmUpTo(conversation: number, from: number, upTo: number): Promise<void> {
    const seq = operator({ $gt: from, $lte: upTo });
    const { matchedCount } = await messages.updateMany({ conversation, seq }, { $max: { seq: 0 } });
    if (matchedCount !== upTo - from) throw unavailable();
  }

  /** False when there is nothing to fill. */
  async function fill({ _id, stored }: Walk, upTo: number): Promise<boolean> {
    const last = stored.findLast(({ old }) => old)?.seq ?? 0;
    const taken = new Set(stored.map(({ seq }) => seq));
    const holes: number[] = [];
    for (let seq = upTo + 1; seq < last && holes.length < FILLS; seq++) if (!taken.has(seq)) holes.push(seq);
    // One that is refused belongs to a writer who was faster, or to another reader.
    await insertFree(
      messages.collection,
      holes.map((seq) => voidDocument(_id, seq)),
    );
    return holes.length > 0;
  }

  async function settled(first: Walk): Promise<Standing | null> {
    const { _id } = first;
    let upTo: number;
    for (let walk: Walk | undefined = first, fills = 0; ; [walk] = await walks([_id], upTo)) {
      if (!walk) return null;
      const { from, stored, floor, epoch, seq } = walk;
      upTo = from;
      for (const next of stored) if (next.seq === upTo + 1) upTo += 1;
      if (!mongo.replicated && upTo > from) await confirmUpTo(_id, from, upTo);
      const isWhole = stored.length === upTo - from;
      if (isWhole && stored.length === WALK) continue;
      if (!isWhole && fills++ < ATTEMPTS && (await fill(walk, upTo))) continue;
      if (upTo - first.from >= (mongo.replicated ? NOTE_AFTER : 1)) {
        // Only a hint: lost, it is found again.
        await counters.updateOne({ _id }, { $max: { decided: upTo } }, { writeConcern: { w: 1 } });
      }
      return { _id, floor, epoch, upTo, head: Math.max(seq, upTo) };
    }
  }

  return {
    confirm,

    /** Of those that there are, in any order. Fills holes. */
    async standings(ids: readonly number[]): Promise<readonly Standing[]> {
      const found = await Promise.all((await walks(ids)).map(settled));
      return found.filter((standing) => standing !== null);
    },
  };
}

export type Deciding = ReturnType<typeof mongoDeciding>;
