import type { ReportReason } from './contract.ts';

export interface Report {
  readonly id: string;
  /** Who reports. */
  readonly by: string;
  /** Who is reported. */
  readonly userId: string;
  readonly reason: ReportReason;
  readonly details: string | null;
  /** The match the two had at that moment. */
  readonly matchId: string | null;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** What users told the operator about others. A resolved write is durable. Reports outlive the accounts they name. */
export interface ReportStore {
  add(report: Report): Promise<void>;
  /** The newest `limit` reports, newest first; with `beforeId`, those that are older than that one. */
  newest(limit: number, beforeId: string | null): Promise<readonly Report[]>;
}

/** Methods that change nothing: a worker answers them from a connection of its own. */
export const reportReads = ['newest'] as const satisfies readonly (keyof ReportStore)[];
