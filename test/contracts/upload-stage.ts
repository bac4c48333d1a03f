import type { Upload, Use } from '../../src/features/uploads/uploads.ts';
import { NOW } from './account-record.ts';

let made = 0;

export const uploadId = (n: number) => `upload_${String(n).padStart(15, '0')}`;

/** A picture of Ann's; what a test is about is overridden. */
export const upload = (overrides: Partial<Upload> = {}): Upload => ({
  id: uploadId(++made),
  ownerId: '11',
  kind: 'file',
  name: 'Bike “left”.png',
  mimeType: 'image/png',
  size: 5_000_000_000,
  dimensions: { width: 640, height: 480 },
  sound: null,
  createdAt: NOW,
  ...overrides,
});

export const voice = (overrides: Partial<Upload> = {}): Upload =>
  upload({
    kind: 'voice',
    name: '$name',
    mimeType: 'audio/webm',
    dimensions: null,
    sound: { durationMs: 1_500, waveform: [0, 50, 100] },
    ...overrides,
  });

export const inMessage = (messageId: string, conversationId = '500'): Use => ({
  kind: 'message',
  messageId,
  conversationId,
});

export const inMatch = (matchId: string, until: number, partnerId = '12'): Use => ({
  kind: 'match',
  matchId,
  partnerId,
  until,
});

export const asAvatar: Use = { kind: 'avatar' };
