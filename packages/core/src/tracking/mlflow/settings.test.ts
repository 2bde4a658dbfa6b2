import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { mlflowSettings } from './settings.js';

const home = mkdtempSync(join(tmpdir(), 'shield-home-'));
afterAll(() => rmSync(home, { recursive: true }));
const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
const HOST = { MLFLOW_TRACKING_URI: 'http://host:5000/' };

it('no address: nothing is sent anywhere', () => {
  expect(mlflowSettings({}, {}, home)).toBeUndefined();
  expect(mlflowSettings({ MLFLOW_TRACKING_URI: '' }, { experiment: 'x' }, home)).toBeUndefined();
});

it('what the spec says goes before the environment', () => {
  const environment = { ...HOST, MLFLOW_EXPERIMENT_NAME: 'theirs', MLFLOW_EXPERIMENT_ID: '7' };
  expect(mlflowSettings(environment, {}, home)).toMatchObject({
    uri: 'http://host:5000',
    experiment: { name: 'theirs' },
  });
  const choice = { uri: 'https://other/path', experiment: 'mine' };
  expect(mlflowSettings(environment, choice, home)).toMatchObject({ uri: choice.uri, experiment: { name: 'mine' } });
  expect(mlflowSettings({ ...HOST, MLFLOW_EXPERIMENT_ID: '7' }, {}, home)?.experiment).toEqual({ id: '7' });
  expect(mlflowSettings(HOST, {}, home)?.experiment).toEqual({ name: 'shield' });
});

it('credentials: user and password, then a token, then the address, then the file', () => {
  const login = { MLFLOW_TRACKING_USERNAME: 'me', MLFLOW_TRACKING_PASSWORD: 'p' };
  const token = { MLFLOW_TRACKING_TOKEN: 't' };
  const withUser = { MLFLOW_TRACKING_URI: 'http://you:q%40@host:5000' };
  mkdirSync(join(home, '.mlflow'));
  writeFileSync(
    join(home, '.mlflow', 'credentials'),
    '[other]\nmlflow_tracking_username = no\nmlflow_tracking_password = no\n\n[mlflow]\nmlflow_tracking_username = filed\nmlflow_tracking_password = f\n',
  );
  const authorization = (environment: NodeJS.ProcessEnv) => mlflowSettings(environment, {}, home)?.authorization;
  expect(authorization({ ...withUser, ...token, ...login })).toBe(basic('me:p'));
  expect(authorization({ ...withUser, ...token })).toBe('Bearer t');
  expect(authorization(withUser)).toBe(basic('you:q@'));
  expect(mlflowSettings(withUser, {}, home)?.uri).toBe('http://host:5000');
  expect(authorization(HOST)).toBe(basic('filed:f'));
  // Half a login is none.
  expect(authorization({ ...withUser, MLFLOW_TRACKING_USERNAME: 'me' })).toBe(basic('you:q@'));
});

it.each(['sqlite:///m.db', './mlruns', 'databricks', 'http//host'])('%s is no server, and that is said', (uri) => {
  expect(() => mlflowSettings({ MLFLOW_TRACKING_URI: uri }, {}, home)).toThrowError(
    expect.objectContaining({ code: 'TRACKING_UNSUPPORTED' }) as Error,
  );
});

it('numbers that cannot be read count as not set', () => {
  const environment = { ...HOST, MLFLOW_HTTP_REQUEST_TIMEOUT: '2.5', MLFLOW_HTTP_REQUEST_MAX_RETRIES: 'many' };
  expect(mlflowSettings(environment, {}, home)).toMatchObject({ timeoutMs: 2500, retries: 4 });
});
