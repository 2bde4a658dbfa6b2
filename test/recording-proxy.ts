import { createServer, type IncomingMessage, type Server } from 'node:http';

/** One request, and what was answered. */
export interface Exchange {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly status: number;
  readonly type: string;
  readonly answer: string;
}

/** What a server was asked in a test. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly body: string;
}

/** Between a client and a real server: passes everything on, and keeps it. */
export class RecordingProxy {
  readonly exchanges: Exchange[] = [];
  readonly asked: Asked[] = [];

  private constructor(
    private readonly server: Server,
    readonly uri: string,
  ) {}

  static async start(target: string): Promise<RecordingProxy> {
    const holder: { proxy?: RecordingProxy } = {};
    const { server, uri } = await listening(async (method, path, body, type) => {
      const headers = type === undefined ? {} : { 'content-type': type };
      const init = method === 'GET' ? { method } : { method, body: new Uint8Array(body), headers };
      const response = await fetch(target + path, init);
      const exchange = {
        method,
        path,
        status: response.status,
        type: response.headers.get('content-type') ?? 'text/plain',
        answer: await response.text(),
      };
      holder.proxy!.exchanges.push(exchange);
      holder.proxy!.asked.push({ method, path, body: body.toString('utf8') });
      return exchange;
    });
    holder.proxy = new RecordingProxy(server, uri);
    return holder.proxy;
  }

  stop(): Promise<void> {
    return stopped(this.server);
  }
}

/** A server that answers as another one did, when it is asked the same in the same order; anything else is a 599. */
export class ReplayServer {
  private constructor(
    private readonly server: Server,
    readonly uri: string,
    readonly asked: readonly Asked[],
    private readonly left: readonly Exchange[],
  ) {}

  static async start(recorded: readonly Exchange[]): Promise<ReplayServer> {
    const left = [...recorded];
    const asked: Asked[] = [];
    const { server, uri } = await listening((method, path, body) => {
      asked.push({ method, path, body: body.toString('utf8') });
      const next = left.shift();
      if (next?.method === method && next.path === path) return Promise.resolve(next);
      const wanted = next ? `${next.method} ${next.path}` : 'nothing more';
      return Promise.resolve({ status: 599, type: 'text/plain', answer: `${wanted} was asked, not ${method} ${path}` });
    });
    return new ReplayServer(server, uri, asked, left);
  }

  /** How many of the recorded requests nobody made. */
  get unasked(): number {
    return this.left.length;
  }

  stop(): Promise<void> {
    return stopped(this.server);
  }
}

type Answer = Pick<Exchange, 'status' | 'type' | 'answer'>;

async function listening(
  answer: (method: string, path: string, body: Buffer, type: string | undefined) => Promise<Answer>,
): Promise<{ server: Server; uri: string }> {
  const server = createServer((incoming, outgoing) => {
    void bodyOf(incoming)
      .then((body) => answer(incoming.method!, incoming.url!, body, incoming.headers['content-type']))
      .then(({ status, type, answer: text }) => outgoing.writeHead(status, { 'content-type': type }).end(text))
      .catch(() => outgoing.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { server, uri: `http://127.0.0.1:${address.port}` };
}

async function bodyOf(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function stopped(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}
