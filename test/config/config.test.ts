import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { describeOptions, OPTIONS, parseConfig } from '../../src/config.ts';
import { UsageError } from '../../src/errors.ts';

const parse = (args: readonly string[] = [], env: Record<string, string> = {}) => parseConfig(args, env, 'a-host');

function problems(args: readonly string[], env: Record<string, string> = {}): string {
  try {
    parse(args, env);
  } catch (error) {
    assert.ok(error instanceof UsageError);
    return error.message;
  }
  throw new Error('it was accepted');
}

describe('parseConfig', () => {
  it('needs nothing to be said', () => {
    const { namespace, identity, watchNamespaces, workers, leaderElection, webhook, rotationWaitMs } = parse();
    assert.deepEqual(
      { namespace, identity, watchNamespaces, workers, leaderElection, webhook, rotationWaitMs },
      {
        namespace: 'tenant-mtls-system', identity: 'a-host', watchNamespaces: [], workers: 16, leaderElection: true, rotationWaitMs: 90_000,
        webhook: { enabled: true, port: 10_250, service: 'tenant-mtls-webhook', configuration: 'tenant-mtls', deployment: 'tenant-mtls' },
      },
    );
  });

  const read: Record<string, [args: string[], env: Record<string, string>, expected: Partial<ReturnType<typeof parse>>]> = {
    'a flag and its value as two words': [['--workers', '4'], {}, { workers: 4 }],
    'a flag and its value as one word': [['--workers=4'], {}, { workers: 4 }],
    'a value with an equals sign in it': [['--kubeconfig=/a=b'], {}, { kubeconfig: '/a=b' }],
    'an empty value': [['--watch-namespaces='], {}, { watchNamespaces: [] }],
    'a list': [['--watch-namespaces=shop,bank'], {}, { watchNamespaces: ['shop', 'bank'] }],
    'the last of two': [['--workers=4', '--workers=5'], {}, { workers: 5 }],
    'an environment variable': [[], { POD_NAMESPACE: 'elsewhere', POD_NAME: 'pod-1' }, { namespace: 'elsewhere', identity: 'pod-1' }],
    'a flag before an environment variable': [['--namespace=here'], { POD_NAMESPACE: 'there' }, { namespace: 'here' }],
    'off for no': [['--leader-election=off'], {}, { leaderElection: false }],
    'a span of time': [['--rotation-wait=1m30s'], {}, { rotationWaitMs: 90_000 }],
  };
  for (const [sentence, [args, env, expected]] of Object.entries(read)) {
    it(`reads ${sentence}`, () => {
      const config = parse(args, env);
      assert.deepEqual(Object.fromEntries(Object.keys(expected).map((key) => [key, config[key as keyof typeof config]])), expected);
    });
  }

  const refused: Record<string, [args: string[], says: RegExp]> = {
    'an unknown flag': [['--wrokers=4'], /unknown argument "--wrokers=4"; see --help/],
    'a word without a flag': [['operator'], /unknown argument "operator"/],
    'a flag without a value': [['--workers'], /--workers needs a value/],
    'a number that is none': [['--workers=many'], /--workers must be a whole number from 1 to 256, not "many"/],
    'a number with a fraction': [['--workers=1.5'], /--workers must be/],
    'a number that is too small': [['--workers=0'], /--workers must be/],
    'a number that is too big': [['--webhook-port=65536'], /--webhook-port must be a whole number from 0 to 65535/],
    'a choice that there is not': [['--log-level=loud'], /--log-level \(or LOG_LEVEL\) must be one of debug, info, warn, error, not "loud"/],
    'a namespace that is none': [['--namespace=Shop'], /--namespace \(or POD_NAMESPACE\) must be the name of a namespace/],
    'a list with a hole': [['--watch-namespaces=a,,b'], /--watch-namespaces must be a comma-separated list/],
    'an image that is a command': [['--nginx-image=nginx; rm -rf /'], /--nginx-image \(or NGINX_IMAGE\) must be an image reference/],
    'a span of time that is none': [['--rotation-wait=soon'], /--rotation-wait must be a duration/],
  };
  for (const [sentence, [args, says]] of Object.entries(refused)) it(`refuses ${sentence}`, () => assert.match(problems(args), says));

  it('lists every problem at once', () => {
    const found = problems(['--wrokers=4', '--workers=0', '--log-level=loud', '--metrics-port']);
    for (const part of ['--wrokers', '--workers must', '--log-level', '--metrics-port needs a value']) assert.ok(found.includes(part), `${part} in ${found}`);
  });

  it('refuses what the environment says wrong, and says where it comes from', () => {
    assert.match(problems([], { LOG_LEVEL: 'loud' }), /LOG_LEVEL/);
  });

  it('quotes at most 80 characters of what it refuses', () => {
    assert.ok(problems([`--log-level=${'x'.repeat(1000)}`]).length < 400);
  });

  it('gives what nobody can change afterwards', () => {
    assert.throws(() => Object.assign(parse(), { workers: 1 }), TypeError);
  });
});

describe('describeOptions', () => {
  it('has a line for every option, with its default and its variable', () => {
    const lines = describeOptions().split('\n');
    assert.equal(lines.length, Object.keys(OPTIONS).length);
    assert.ok(lines.some((line) => /--workers +certificates reconciled at once \(default 16\)/.test(line)), lines.join('\n'));
    assert.ok(lines.some((line) => /--log-level .*\(default info\) \[LOG_LEVEL\]/.test(line)));
  });
});
