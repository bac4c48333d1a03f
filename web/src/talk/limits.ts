/** Of this page; those of the wire are in the server's contract. */
export const limits = {
  /** Conversations that are joined without being opened. */
  joined: 50,
  /** Joins in one minute: the server counts events per user and minute, and messages come first. */
  joinsPerMinute: 30,
  /** Conversations in one synchronisation, as the server has it. */
  syncConversations: 50,
  /** Answers with more to come, after which the history is read anew instead. */
  syncRounds: 5,
  /** How long a missing number is waited for; up to half as much again, so that not all ask at once. */
  gapMs: 2_000,
  /** Unread messages are counted up to here, as on the server. */
  unread: 1_000,
  /** Messages kept of a conversation that nobody looks at, and what is left of them when it is shortened. */
  keptUnseen: 300,
  keptShort: 50,
  page: 50,
  pageMax: 100,
  /** Between two signs of typing. */
  typingEveryMs: 3_000,
  /** The server ends it after 5 s; this is for when its word is lost. */
  typingLastsMs: 6_000,
  /** Between two read marks of one conversation. */
  readEveryMs: 2_000,
} as const;
