import { Type } from '@sinclair/typebox';
import { defineTracker, type RecordedEvent } from '@shield/core';

/**
 * An observer that posts a run's states and metrics to an address as JSON: `{ run, time, state, error? }` or
 * `{ run, time, metric, value, step? }`, one message after the other, so that they arrive in order. What it throws the
 * run shrugs off with one warning.
 */
export default defineTracker({
  name: 'webhook',
  summary: 'posts the states and metrics of runs to an address',
  options: Type.Object(
    {
      url: Type.String({ pattern: '^https?://', description: 'address that takes the messages' }),
      timeout: Type.Number({
        exclusiveMinimum: 0,
        default: 5,
        description: 'seconds after which a server that does not answer is given up for that message',
      }),
    },
    { additionalProperties: false },
  ),
  open({ url, timeout }, { run }) {
    let last = Promise.resolve();
    return {
      name: `webhook ${new URL(url).host}`,
      event(event) {
        const message = messageOf(event);
        if (!message) return;
        const posted = last.then(() => post(url, 1000 * timeout, { run: run.id, time: event.time, ...message }));
        // One that failed holds nobody up.
        last = posted.catch(() => undefined);
        return posted;
      },
      close: () => last,
    };
  },
});

function messageOf(event: RecordedEvent): object | undefined {
  if (event.type === 'state') return { state: event.state, ...(event.error ? { error: event.error.message } : {}) };
  if (event.type !== 'metric') return undefined;
  return { metric: event.key, value: event.value, ...(event.step === undefined ? {} : { step: event.step }) };
}

async function post(url: string, timeoutMs: number, body: object): Promise<void> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(timeoutMs),
  });
  if (!response.ok) throw new Error(`it answers ${response.status}`);
}
