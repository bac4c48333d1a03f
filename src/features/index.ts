import { accountsFeature } from './accounts/feature.ts';
import { conversationsFeature } from './conversations/feature.ts';
import { matchingFeature } from './matching/feature.ts';
import { moderationFeature } from './moderation/feature.ts';
import { opsFeature } from './ops/feature.ts';
import { presenceFeature } from './presence/feature.ts';
import { rtcFeature } from './rtc/feature.ts';
import { uploadsFeature } from './uploads/feature.ts';

/** Every feature, in start order: the only list. A connection is set up in this order and cleaned up in the reverse. */
export const features = [
  opsFeature,
  presenceFeature,
  accountsFeature,
  matchingFeature,
  rtcFeature,
  conversationsFeature,
  uploadsFeature,
  moderationFeature,
] as const;
