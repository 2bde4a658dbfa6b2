import { runAsWorker } from 'synckit';
import { ask, askMetadata, type Question, type Server } from './ask.js';

/** What the thread is asked for: scores of images, or what the server says of the model. */
export type Request = Question | { readonly server: Server; readonly metadata: string };

runAsWorker((request: Request) =>
  'metadata' in request ? askMetadata(request.server, request.metadata) : ask(request),
);
