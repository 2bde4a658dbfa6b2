import { ShieldError } from '@shield/core';
import type { Server } from './ask.js';
import type { ServedOptions } from './options.js';

/** What is wrong with the server at an address, and how to mend it. */
export type FaultOf = (reason: string, expected: string) => ShieldError;

/** Without what may be secret: user, password and query. */
export function addressOf(url: string): string {
  if (!URL.canParse(url)) {
    const expected = 'url: http://HOST:PORT/PATH';
    throw new ShieldError('MODEL_SERVER', { url, reason: 'this is no address', expected });
  }
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}

/** The server that the options name. @throws MODEL_SERVER */
export function serverOf(options: ServedOptions, fault: FaultOf): Server {
  const { url, protocol, send, input, output, batch, parallel, retries } = options;
  const { protocol: scheme, username, password } = new URL(url);
  if (!/^https?:$/.test(scheme)) throw fault(`"${scheme}" is no scheme of the web`, 'begin url with http:// or https://'); // prettier-ignore
  if (username || password) throw fault('url holds a password, which would be on record', 'leave it out; token_env names the environment variable with a token'); // prettier-ignore
  const { token_env: variable, token_header: header } = options;
  const token = variable === '' ? undefined : process.env[variable];
  if (variable !== '' && !token) throw fault(`the environment variable ${variable} is not set`, `set it to the server's token`); // prettier-ignore
  const carried = /^authorization$/i.test(header) ? `Bearer ${token}` : token;
  return {
    url,
    protocol,
    send,
    input,
    output,
    batch,
    parallel,
    retries,
    timeoutMs: 1000 * options.timeout_s,
    headers: token === undefined ? {} : { [header]: carried! },
  };
}

/** With the input's name, which the Open Inference Protocol wants to be told, and the version that the server tells. */
export function identified(
  server: Server,
  metadata: (address: string, server: Server) => unknown,
  fault: FaultOf,
): { server: Server; version: string } {
  const model = /^(.*\/v[12]\/models\/[^/:]+(?:\/versions\/[^/:]+)?)(?::predict|\/infer)$/.exec(server.url)?.[1];
  if (server.protocol === 'instances') {
    // TensorFlow Serving's model status; others have none.
    try {
      const status = model === undefined ? {} : metadata(model, { ...server, retries: 0 });
      const { model_version_status: all = [] } = status as {
        model_version_status?: { version: string; state: string }[];
      };
      const serving = all.filter(({ state }) => state === 'AVAILABLE').map((each) => each.version);
      return { server, version: serving.join() };
    } catch (error) {
      if (!(error instanceof ShieldError)) throw error;
      return { server, version: '' };
    }
  }
  if (model === undefined)
    throw fault('it does not end as the protocol has it', 'url: http://HOST/v2/models/NAME/infer');
  const { inputs = [], versions = [] } = metadata(model, server) as {
    inputs?: { name: string }[];
    versions?: string[];
  };
  if (server.input === '' && inputs.length !== 1) {
    throw fault(`the model has ${inputs.length} inputs`, `set input to one of: ${inputs.map(({ name }) => name).join(', ') || 'its names'}`); // prettier-ignore
  }
  return { server: { ...server, input: server.input || inputs[0]!.name }, version: JSON.stringify(versions) };
}
