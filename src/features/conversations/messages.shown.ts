import type { UploadDesk } from '../uploads/contract.ts';
import type { Message, MessageStore } from './messages.ts';

/** The store as services read it: URLs of uploads work for whoever is shown the message, for a time. */
export function shownMessages(store: MessageStore, desk: Pick<UploadDesk, 'shown'>): MessageStore {
  const show = (message: Message): Message =>
    message.attachment === null
      ? message
      : { ...message, attachment: { ...message.attachment, shown: desk.shown(message.attachment) } };
  const showOne = <M extends Message | null>(message: M) => (message === null ? message : show(message));
  const showIn = <P extends { readonly messages: readonly Message[] } | null>(page: P): P =>
    page === null ? page : { ...page, messages: page.messages.map(show) };
  const showOf = <R extends { readonly message: Message } | null>(result: R): R =>
    result === null ? result : { ...result, message: show(result.message) };

  return {
    append: async (id, drafts) => (await store.append(id, drafts)).map(showOf),
    byId: async (id) => showOne(await store.byId(id)),
    page: async (id, range, options) => showIn(await store.page(id, range, options)),
    latest: async (ids, reader) => (await store.latest(ids, reader)).map(show),
    positions: (ids) => store.positions(ids),
    since: async (id, after, options) => showIn(await store.since(id, after, options)),
    changed: async (id, behind, options) => showIn(await store.changed(id, behind, options)),
    edit: async (id, text, notBefore) => showOne(await store.edit(id, text, notBefore)),
    remove: async (id) => showOne(await store.remove(id)),
    react: async (id, userId, reaction) => showOf(await store.react(id, userId, reaction)),
    unreact: async (id, userId, reaction) => showOf(await store.unreact(id, userId, reaction)),
    unread: (userId, positions) => store.unread(userId, positions),
  };
}
