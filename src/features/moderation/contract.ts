import { z } from 'zod';
import { contractOf, request, route } from '../../kernel/contract.ts';
import { Id, PublicUser, Timestamp, optional } from '../../kernel/schemas.ts';

export const limits = { blocksPerUser: 1000, reportDetails: 1000 } as const;

export const ReportReason = z.enum(['nudity', 'harassment', 'minor', 'spam', 'hate', 'other']);
export type ReportReason = z.infer<typeof ReportReason>;

export const ReportInfo = z.object({
  id: z.string(),
  by: z.string(),
  userId: z.string(),
  reason: ReportReason,
  details: z.string().nullable(),
  matchId: z.string().nullable(),
  createdAt: Timestamp,
});

export const moderationContract = contractOf({
  name: 'moderation',
  requests: {
    /** Without `userId`: the current partner. Ends a match between the two and prevents the next. Repeats succeed. */
    'user:block': request({
      args: [optional(z.object({ userId: optional(Id) }))],
      ack: z.object({ userId: z.string() }),
    }),
    /** Without `userId`: the current partner. Stored for the operator; the match goes on. */
    'user:report': request({
      args: [
        z.object({
          userId: optional(Id),
          reason: ReportReason,
          details: optional(z.string().max(limits.reportDetails)),
        }),
      ],
      ack: z.object({ reportId: z.string() }),
    }),
  },
  routes: {
    /** What users reported, newest first; `before` is the id of a report. For administrators. */
    'GET /admin/reports': route({
      query: z.object({ limit: z.coerce.number().int().min(1).max(100).default(50), before: Id.optional() }),
      data: z.object({ reports: z.array(ReportInfo) }),
      access: 'admin',
    }),
    'GET /users/blocked': route({ data: z.object({ users: z.array(PublicUser), count: z.number() }) }),
    'DELETE /users/blocked/:id': route({ params: z.object({ id: Id }), message: 'User unblocked' }),
  },
});

/** In-process announcements of this feature. */
export interface ModerationFacts {
  'user.blocked': { by: string; userId: string };
}
