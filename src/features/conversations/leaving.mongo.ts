import { numberOf, type Mongo } from '../../drivers/mongo.ts';
import { unavailable } from '../../drivers/mongo-outages.ts';
import type { Leaving } from './conversations.ts';
import type { Lives } from './lives.mongo.ts';
import { mongoMemberships } from './memberships.mongo.ts';
import {
  conversationModel,
  idOrNull,
  keepsItsMembers,
  type ConversationDocument,
} from './stored-conversation.mongo.ts';

/** Each time somebody else was faster. */
const ATTEMPTS = 20;

/** Leaving, with a new owner where the owner leaves, and the end of a conversation that nobody is left in. */
export function mongoLeaving(mongo: Mongo, lives: Pick<Lives, 'end'>) {
  const conversations = conversationModel(mongo);
  const members = mongoMemberships(mongo);

  /** The owner is gone, or about to be. Null when there is nobody; undefined when it is another conversation by now. */
  async function handOver(now: ConversationDocument, ownerId: number): Promise<number | null | undefined> {
    const { _id, life } = now;
    const heir = await members.longestBut(_id, ownerId);
    // The last one has just gone too: to be removed, if nobody comes.
    if (heir === null && keepsItsMembers(now)) return undefined;
    const { matchedCount } = await conversations.updateOne(
      { _id, life, removedAt: null, ownerId },
      { $set: { ownerId: heir } },
    );
    return matchedCount > 0 ? heir : undefined;
  }

  /**
   * Hands over first and leaves then, so that a kill in between leaves everything in order; and looks again afterwards: whoever
   * leaves at the same moment may just have handed over to this one, or have been the heir. Each looks after its own last write, so
   * that of two one sees what the other did.
   */
  return async function leave(id: string, userId: string): Promise<Leaving> {
    const [conversation, user] = [numberOf(id), numberOf(userId)];
    let left = false;
    let heir: number | null = null;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const now = await conversations.findOne({ _id: conversation, removedAt: null }).lean();
      if (!now) return { left, ownerId: null, removed: false };
      if (!left && !(await members.has(conversation, user))) {
        return { left, ownerId: idOrNull(now.ownerId), removed: false };
      }
      if (keepsItsMembers(now) && (await members.longestBut(conversation, user)) === null) {
        if (await lives.end(now, now.joins)) return { left: true, ownerId: null, removed: true };
        continue;
      }
      const heirIsGone =
        left && heir !== null && now.ownerId === heir && !(await members.has(conversation, heir));
      if (now.ownerId === user || heirIsGone) {
        const next = await handOver(now, now.ownerId!);
        heir = next ?? null;
        if (left || next === undefined) continue;
      } else if (left) {
        return { left, ownerId: idOrNull(now.ownerId), removed: false };
      }
      if (!(await members.end(conversation, user))) continue;
      left = true;
    }
    throw unavailable();
  };
}
