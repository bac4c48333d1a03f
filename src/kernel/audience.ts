import type { Room } from './rooms.ts';

/** Rooms of those who may see a user's presence. */
export type AudienceProvider = (userId: string) => Promise<readonly Room[]>;

/**
 * Features that put people in touch (matching, conversations) add a provider; presence asks for the union, so that whoever
 * is reached in two ways is told once.
 */
export interface Audience {
  add(provider: AudienceProvider): void;
  of(userId: string): Promise<readonly Room[]>;
}

export function createAudience(): Audience {
  const providers: AudienceProvider[] = [];
  return {
    add: (provider) => void providers.push(provider),
    async of(userId) {
      const rooms = await Promise.all(providers.map((provider) => provider(userId)));
      return [...new Set(rooms.flat())];
    },
  };
}
