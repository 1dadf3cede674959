// Streams and a cluster that tests look into afterwards.
import { Readable } from 'node:stream';
import type { ClusterReader, InjectIo } from '../../src/cli/inject-io.ts';
import { aContext } from '../injection/builders.ts';

export interface CapturedIo extends InjectIo {
  readonly out: () => string;
  readonly err: () => string;
}

export function captureIo({ stdin = '', cluster = {} }: { stdin?: string; cluster?: Partial<ClusterReader> } = {}): CapturedIo {
  const written = { out: '', err: '' };
  return {
    stdin: Readable.from([stdin]),
    stdout: { write: (text) => (written.out += text) },
    stderr: { write: (text) => (written.err += text) },
    images: aContext().images,
    newProbeToken: aContext().newProbeToken,
    cluster: () => Promise.resolve({ ...EMPTY, ...cluster }),
    out: () => written.out,
    err: () => written.err,
  };
}

const nothing = () => Promise.resolve(undefined);
const EMPTY: ClusterReader = { namespace: 'shop', certificate: nothing, namespaceLabels: nothing, object: nothing, kubernetesVersion: nothing, operatorImages: () => Promise.resolve({}) };
