import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

/**
 * What happens to a request: `pass`; a status, without the server hearing of it; `drop`, the connection closed before
 * the server hears of it; `lose`, the server does what it was asked, and the answer is lost half-way; `hang`, no answer.
 */
export type Fault = 'pass' | 'drop' | 'lose' | 'hang' | 429 | 500 | 503;

/** A proxy before a server that does to each request what `next` says. */
export class FaultyProxy {
  /** Requests so far: method and path, and what was done to them. */
  readonly log: { readonly request: string; readonly fault: Fault }[] = [];

  private constructor(
    private readonly server: Server,
    readonly uri: string,
  ) {}

  static async start(target: string, next: (request: string, count: number) => Fault): Promise<FaultyProxy> {
    const holder: { proxy?: FaultyProxy } = {};
    const server = createServer((incoming, outgoing) => {
      const name = `${incoming.method} ${incoming.url?.split('?')[0]}`;
      const fault = next(name, holder.proxy!.log.length);
      holder.proxy!.log.push({ request: name, fault });
      handle(fault, target, incoming, outgoing);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    holder.proxy = new FaultyProxy(server, `http://127.0.0.1:${address.port}`);
    return holder.proxy;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

function handle(fault: Fault, target: string, incoming: IncomingMessage, outgoing: ServerResponse): void {
  if (fault === 'drop') return void incoming.socket.destroy();
  incoming.on('error', () => undefined);
  if (fault === 'hang') return void incoming.resume();
  if (typeof fault === 'number') {
    incoming.resume();
    outgoing.writeHead(fault, { 'content-type': 'text/plain' }).end('a fault of the proxy');
    return;
  }
  const { host: _host, ...headers } = incoming.headers;
  const options = { method: incoming.method ?? 'GET', headers };
  const forwarded = request(new URL(incoming.url ?? '/', target), options, (answer) => {
    const chunks: Buffer[] = [];
    answer.on('data', (chunk: Buffer) => chunks.push(chunk));
    answer.on('end', () => {
      const body = Buffer.concat(chunks);
      outgoing.writeHead(answer.statusCode ?? 500, {
        'content-type': answer.headers['content-type'] ?? 'text/plain',
        'content-length': body.length,
      });
      if (fault === 'pass') outgoing.end(body);
      else outgoing.write(body.subarray(0, body.length >> 1), () => outgoing.socket?.destroy());
    });
  });
  forwarded.on('error', () => outgoing.socket?.destroy());
  incoming.pipe(forwarded);
}
