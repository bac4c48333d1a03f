import { z } from 'zod';

/** Schemas that several contracts share. Browser-safe. */

/** Decimal id below 2^53. Both wire forms are accepted everywhere; inside it is a string. */
export const Id = z
  .union([z.string().regex(/^[0-9]{1,16}$/, 'must be an id'), z.number().int().positive()])
  .transform((id) => String(id));

/** D's routes and events render ids as JSON numbers, everything else as decimal strings. */
export const RenderedId = z.union([z.string(), z.number()]);

/** ISO 8601 with milliseconds, UTC. */
export const Timestamp = z.string();

/** A string whose excess length is TOO_LARGE, not BAD_INPUT. In UTF-16 units. */
export const boundedText = (maxLength: number) =>
  z.string().refine((text) => text.length <= maxLength, {
    message: `must have at most ${maxLength} characters`,
    params: { code: 'TOO_LARGE' },
  });

/** Text as it is stored: NFC, and nothing that cannot be seen but newline and tab (CONTRACT, E). Markup is escaped where it is shown. */
export const cleaned = (text: string): string =>
  text.replace(/(?![\n\t])\p{Cc}|\p{Cs}/gu, '').normalize('NFC');

/** What `null` in an optional position means: JSON has no `undefined`, so `emit(event, undefined)` arrives as `null`. */
export const optional = <S extends z.ZodType>(schema: S) =>
  z.preprocess((value) => value ?? undefined, schema.optional()) as unknown as z.ZodOptional<
    z.ZodNullable<S>
  > &
    z.ZodType<z.output<S> | undefined, z.input<S> | null | undefined>;

/** What others may see of a user. Never an e-mail address. */
export const PublicUser = z.object({ id: z.string(), username: z.string(), avatar: z.string().nullable() });
export type PublicUser = z.infer<typeof PublicUser>;

export const PresenceStatus = z.enum(['online', 'away', 'busy', 'offline']);
export type PresenceStatus = z.infer<typeof PresenceStatus>;
