import { describe, expect, it } from 'vitest';
import { keptEnvironment, withoutCredentials, withoutSecrets } from './secrets.js';

describe('withoutCredentials', () => {
  it.each([
    ['https://user:pass@host:5000/path', 'https://[left out]@host:5000/path'],
    ['postgresql+psycopg://u:p%40w@db/x?sslmode=on', 'postgresql+psycopg://[left out]@db/x?sslmode=on'],
    ['https://u:p@ss@host/a', 'https://[left out]@host/a'],
    ['http://host/?token=abc&run=5', 'http://host/?token=[left out]&run=5'],
    ['http://host/a@b', 'http://host/a@b'],
    ['./runs/x', './runs/x'],
    ['a=http://u:p@h b=http://v:q@i', 'a=http://[left out]@h b=http://[left out]@i'],
  ])('%s', (value, expected) => expect(withoutCredentials(value)).toBe(expected));
});

describe('withoutSecrets', () => {
  it('leaves out what an option or a key that sounds secret is given', () => {
    const argv = [
      'shield',
      'run',
      's.yaml',
      'seed=5',
      'tracking.password=x y',
      '+a.api_key=k',
      '--token',
      'abc',
      '--json',
    ];
    expect(withoutSecrets(argv)).toEqual([
      'shield',
      'run',
      's.yaml',
      'seed=5',
      'tracking.password=[left out]',
      '+a.api_key=[left out]',
      '--token',
      '[left out]',
      '--json',
    ]);
  });

  it('leaves ordinary words alone', () => {
    const argv = [
      'shield',
      'run',
      '--quiet',
      'configs/x.yaml',
      "attack_options={'eps': 16}",
      '~defense',
      'dataset.path=/a/b?c',
    ];
    expect(withoutSecrets(argv)).toEqual(argv);
  });
});

describe('keptEnvironment', () => {
  it('keeps what is on the list, without credentials', () => {
    const environment = {
      SHIELD_RUNS: '/data/runs',
      SHIELD_API_TOKEN: 'hush',
      OMP_NUM_THREADS: '2',
      TF_CPP_MIN_LOG_LEVEL: '3',
      MLFLOW_TRACKING_URI: 'https://me:hush@mlflow.example/x',
      MLFLOW_TRACKING_PASSWORD: 'hush',
      MLFLOW_TRACKING_TOKEN: 'hush',
      AWS_SECRET_ACCESS_KEY: 'hush',
      HOME: '/home/hush',
      CUDA_VISIBLE_DEVICES: '',
    };
    const kept = keptEnvironment(environment);
    expect(kept).toEqual({
      CUDA_VISIBLE_DEVICES: '',
      MLFLOW_TRACKING_URI: 'https://[left out]@mlflow.example/x',
      OMP_NUM_THREADS: '2',
      SHIELD_API_TOKEN: '[left out]',
      SHIELD_RUNS: '/data/runs',
      TF_CPP_MIN_LOG_LEVEL: '3',
    });
    expect(JSON.stringify(kept)).not.toContain('hush');
  });
});
