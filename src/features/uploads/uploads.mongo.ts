import { Schema } from 'mongoose';
import { model, numberOf, operator, schemaOptions, type Mongo } from '../../drivers/mongo.ts';
import { AppError } from '../../kernel/errors.ts';
import { limits } from './contract.ts';
import type { Upload, UploadStore, Use } from './uploads.ts';

/** A use has the fields of its kind, and no others. */
export interface UseDocument {
  message?: number;
  conversation?: number;
  match?: string;
  partner?: number;
  until?: Date;
  avatar?: boolean;
}

/** With its uses, so that one write to one document decides whether it is in use or gone. */
export interface UploadDocument {
  _id: string;
  owner: number;
  kind: string;
  name: string;
  mimeType: string;
  size: number;
  dimensions: { width: number; height: number } | null;
  sound: { durationMs: number; waveform: number[] } | null;
  createdAt: Date;
  uses: UseDocument[];
  /** In a message or an avatar. This and `matchedUntil` follow from `uses`: a sweep looks at nothing but what may go. */
  lasting: boolean;
  matchedUntil: Date | null;
}

const use = new Schema<UseDocument>(
  {
    message: Number,
    conversation: Number,
    match: String,
    partner: Number,
    until: Date,
    avatar: Boolean,
  },
  { _id: false },
);
const schema = new Schema<UploadDocument>(
  {
    _id: String,
    owner: Number,
    kind: String,
    name: String,
    mimeType: String,
    size: Number,
    dimensions: {
      type: new Schema<UploadDocument['dimensions']>({ width: Number, height: Number }, { _id: false }),
    },
    sound: {
      type: new Schema<UploadDocument['sound']>({ durationMs: Number, waveform: [Number] }, { _id: false }),
    },
    createdAt: Date,
    uses: [use],
    lasting: Boolean,
    matchedUntil: Date,
  },
  schemaOptions,
);
schema.index({ 'uses.conversation': 1 }, { sparse: true });
schema.index({ 'uses.match': 1 }, { sparse: true });
schema.index({ matchedUntil: 1, createdAt: 1 }, { partialFilterExpression: { lasting: false } });
schema.index({ matchedUntil: 1 }, { partialFilterExpression: { matchedUntil: { $gte: new Date(0) } } });
schema.index({ owner: 1 }, { partialFilterExpression: { 'uses.avatar': true } });

export const uploadModel = (mongo: Mongo) => model(mongo, 'uploads', schema);

function useDocument(one: Use): UseDocument {
  if (one.kind === 'message')
    return { message: numberOf(one.messageId), conversation: numberOf(one.conversationId) };
  if (one.kind === 'match')
    return { match: one.matchId, partner: numberOf(one.partnerId), until: new Date(one.until) };
  return { avatar: true };
}

function useFrom({ message, conversation, match, partner, until }: UseDocument): Use {
  if (message !== undefined)
    return { kind: 'message', messageId: String(message), conversationId: String(conversation) };
  if (match !== undefined)
    return { kind: 'match', matchId: match, partnerId: String(partner), until: until!.getTime() };
  return { kind: 'avatar' };
}

export function uploadDocument(upload: Upload, uses: readonly Use[]): UploadDocument {
  const untils = uses.flatMap((one) => (one.kind === 'match' ? [one.until] : []));
  return {
    _id: upload.id,
    owner: numberOf(upload.ownerId),
    kind: upload.kind,
    name: upload.name,
    mimeType: upload.mimeType,
    size: upload.size,
    dimensions: upload.dimensions && { ...upload.dimensions },
    sound: upload.sound && {
      durationMs: upload.sound.durationMs,
      waveform: [...upload.sound.waveform],
    },
    createdAt: new Date(upload.createdAt),
    uses: uses.map(useDocument),
    lasting: untils.length < uses.length,
    matchedUntil: untils.length > 0 ? new Date(Math.max(...untils)) : null,
  };
}

const uploadFrom = (document: UploadDocument): Upload => ({
  id: document._id,
  ownerId: String(document.owner),
  kind: document.kind as Upload['kind'],
  name: document.name,
  mimeType: document.mimeType,
  size: document.size,
  dimensions: document.dimensions,
  sound: document.sound,
  createdAt: document.createdAt.getTime(),
});

/** By which a use is known: in an upload, each of them once. */
type Place = readonly ['message', number] | readonly ['match', string] | readonly ['avatar', true];

function placeOf(one: Use): Place {
  if (one.kind === 'message') return ['message', numberOf(one.messageId)];
  if (one.kind === 'match') return ['match', one.matchId];
  return ['avatar', true];
}

/** As a pipeline, which decides by what the document has when it is written. */
const withUses = (uses: object | string) => [
  { $set: { uses } },
  {
    $set: {
      lasting: { $gt: [{ $size: '$uses' }, { $size: '$uses.match' }] },
      matchedUntil: { $max: '$uses.until' },
    },
  },
];

/** Text of others is a value: without this one that begins with `$` would name a field. */
const literal = (value: unknown) => ({ $literal: value });

const without = (field: Place[0] | 'conversation', value: Place[1]) => ({
  $filter: { input: '$uses', as: 'one', cond: { $ne: [`$$one.${field}`, literal(value)] } },
});

const lasting = (matchId: string, until: Date | object) => ({
  $map: {
    input: '$uses',
    as: 'one',
    in: {
      $cond: [{ $eq: ['$$one.match', literal(matchId)] }, { $mergeObjects: ['$$one', { until }] }, '$$one'],
    },
  },
});

/** Without the use where there are as many as there may be. */
function using(one: Use): object {
  const [field, value] = placeOf(one);
  return {
    $switch: {
      branches: [
        {
          case: { $in: [literal(value), `$uses.${field}`] },
          then: one.kind === 'match' ? lasting(one.matchId, new Date(one.until)) : '$uses',
        },
        { case: { $gte: [{ $size: '$uses' }, limits.usesPerUpload] }, then: '$uses' },
      ],
      default: { $concatArrays: ['$uses', [literal(useDocument(one))]] },
    },
  };
}

export function mongoUploads(mongo: Mongo): UploadStore {
  const uploads = uploadModel(mongo);

  async function release(id: string, [field, value]: Place): Promise<void> {
    await uploads.collection.updateOne(
      { _id: id as never, [`uses.${field}`]: value },
      withUses(without(field, value)),
    );
  }

  return {
    async create(upload) {
      await uploads.insertOne(uploadDocument(upload, []));
    },

    async find(id) {
      const found = await uploads.findById(id).lean();
      return found && { ...uploadFrom(found), uses: found.uses.map(useFrom) };
    },

    async use(id, ownerId, one) {
      const after = (await uploads.collection.findOneAndUpdate(
        { _id: id as never, owner: numberOf(ownerId) },
        withUses(using(one)),
        { returnDocument: 'after' },
      )) as UploadDocument | null;
      if (!after) return null;
      const [field, value] = placeOf(one);
      if (!after.uses.some((each) => each[field] === value)) throw usedTooOften();
      return uploadFrom(after);
    },

    releaseMessage: (id, messageId) => release(id, ['message', numberOf(messageId)]),

    releaseAvatar: (id) => release(id, ['avatar', true]),

    async forgetAvatars(ownerIds) {
      await uploads.collection.updateMany(
        { owner: { $in: ownerIds.map(numberOf) }, 'uses.avatar': true },
        withUses(without('avatar', true)),
      );
    },

    async releaseConversation(conversationId) {
      const conversation = numberOf(conversationId);
      await uploads.collection.updateMany(
        { 'uses.conversation': conversation },
        withUses(without('conversation', conversation)),
      );
    },

    async matchesBeyond(time, limit) {
      const beyond = { $gt: new Date(time) };
      const found = await uploads.aggregate<{ _id: { match: string; owner: number } }>([
        { $match: { matchedUntil: beyond } },
        { $unwind: '$uses' },
        { $match: { 'uses.until': beyond } },
        { $group: { _id: { match: '$uses.match', owner: '$owner' } } },
        { $limit: limit },
      ]);
      return found.map(({ _id }) => ({ matchId: _id.match, ownerId: String(_id.owner) }));
    },

    async endMatch(matchId, until) {
      await uploads.collection.updateMany(
        { 'uses.match': matchId },
        withUses(lasting(matchId, { $min: ['$$one.until', new Date(until)] })),
      );
    },

    async remove(id, ownerId) {
      const own = { _id: id, owner: numberOf(ownerId) };
      const { deletedCount } = await uploads.deleteOne({ ...own, 'uses.avatar': operator({ $ne: true }) });
      if (deletedCount === 0 && (await uploads.exists(own))) throw isAvatar();
      return deletedCount > 0;
    },

    async removeOrphans({ createdBefore, now }, limit) {
      const orphans = {
        $or: [
          { lasting: false, matchedUntil: null, createdAt: operator({ $lt: new Date(createdBefore) }) },
          { lasting: false, matchedUntil: operator({ $lte: new Date(now) }) },
        ],
      };
      const found = await uploads.find(orphans, { _id: 1 }).limit(limit).lean();
      // Only if it still is one: it may just have been used.
      const removed = await Promise.all(
        found.map(async ({ _id }) => {
          const { deletedCount } = await uploads.deleteOne({ _id, ...orphans });
          return deletedCount > 0 ? [_id] : [];
        }),
      );
      return removed.flat();
    },

    async known(ids) {
      const found = await uploads.find({ _id: operator({ $in: [...ids] }) }, { _id: 1 }).lean();
      return found.map(({ _id }) => _id);
    },
  };
}

const usedTooOften = () =>
  new AppError('CONFLICT', `This file is in use in ${limits.usesPerUpload} places. Upload it again.`);

const isAvatar = () => new AppError('CONFLICT', 'This is your avatar. Choose another one first.');
