import { Schema } from 'mongoose';
import { model, numberOf, operator, schemaOptions, type Mongo } from '../../drivers/mongo.ts';
import type { ReportReason } from './contract.ts';
import type { Report, ReportStore } from './reports.ts';

export interface ReportDocument {
  _id: number;
  by: number;
  userId: number;
  reason: string;
  details: string | null;
  matchId: string | null;
  at: Date;
}

const schema = new Schema<ReportDocument>(
  { _id: Number, by: Number, userId: Number, reason: String, details: String, matchId: String, at: Date },
  schemaOptions,
);

export const reportModel = (mongo: Mongo) => model(mongo, 'reports', schema);

export const reportDocument = (report: Report): ReportDocument => ({
  _id: numberOf(report.id),
  by: numberOf(report.by),
  userId: numberOf(report.userId),
  reason: report.reason,
  details: report.details,
  matchId: report.matchId,
  at: new Date(report.at),
});

const reportFrom = (document: ReportDocument): Report => ({
  id: String(document._id),
  by: String(document.by),
  userId: String(document.userId),
  reason: document.reason as ReportReason,
  details: document.details,
  matchId: document.matchId,
  at: document.at.getTime(),
});

export function mongoReports(mongo: Mongo): ReportStore {
  const reports = reportModel(mongo);

  return {
    async add(report) {
      await reports.insertOne(reportDocument(report));
    },

    async newest(limit, beforeId) {
      // Ids are in order of time.
      const before = beforeId === null ? Number.MAX_SAFE_INTEGER : numberOf(beforeId);
      const found = await reports
        .find({ _id: operator({ $lt: before }) })
        .sort({ _id: -1 })
        .limit(limit)
        .lean();
      return found.map(reportFrom);
    },
  };
}
