import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Whether Debian's redis-server, or another of that name, is installed. */
export const hasRedis = spawnSync('redis-server', ['--version']).status === 0;

/** A real Redis of the test's own. */
export class RedisServer {
  #child: ChildProcess | undefined;

  private constructor(
    readonly port: number,
    private readonly args: readonly string[],
  ) {}

  /** @param folder for what it writes; with it, everything is written at once */
  static async start(folder: string, ...args: string[]): Promise<RedisServer> {
    const kept = ['--dir', folder, '--appendonly', 'yes', '--appendfsync', 'always', '--save', ''];
    const server = new RedisServer(await freePort(), [...kept, ...args]);
    await server.run();
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  async run(): Promise<void> {
    const bind = ['--port', String(this.port), '--bind', '127.0.0.1'];
    this.#child = spawn('redis-server', [...bind, ...this.args], { stdio: 'ignore' });
    while (spawnSync('redis-cli', ['-p', String(this.port), 'ping']).status !== 0) await sleep(50);
  }

  /** @param signal SIGKILL: as of a machine that loses its power */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
