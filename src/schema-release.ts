/**
 * The release of the stored schema that this code belongs to, SQLite's and MongoDB's alike; not the package's version. It goes up by
 * one with each version that changes the schema. Each change leaves the data readable and writable for the release before it, because
 * workers of both run side by side in a roll: a storage may therefore be one release ahead of the code, and no more.
 */
export const SCHEMA_RELEASE = 3;
