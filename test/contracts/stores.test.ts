import { accountStoreContract } from './account-store.ts';
import { blockStoreContract } from './block-store.ts';
import { conversationStoreContract } from './conversation-store.ts';
import { messageStoreContract } from './message-store.ts';
import { reportStoreContract } from './report-store.ts';
import { sessionStoreContract } from './session-store.ts';
import { storageBackends } from './storage-backends.ts';
import { uploadStoreContract } from './upload-store.ts';

for (const backend of storageBackends) {
  accountStoreContract(backend);
  sessionStoreContract(backend);
  blockStoreContract(backend);
  reportStoreContract(backend);
  conversationStoreContract(backend);
  messageStoreContract(backend);
  uploadStoreContract(backend);
}
