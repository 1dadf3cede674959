// A set of files, parsed completely: everything that can be wrong with it is found here, before anything running is touched.
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { constants } from 'node:crypto';
import { createSecureContext, getCACertificates, type SecureContext, type SecureContextOptions } from 'node:tls';
import type { Manifest } from '../api/manifest.ts';
import type { KeyPairFiles, ListenerModel, ListenerTlsModel, ProxyModel, TlsParameters, TrustModel, UpstreamModel, UpstreamTlsModel } from '../proxy-model/model.ts';
import type { ListenerTlsView } from './listener-view.ts';
import { attempt, loadTrust, pemBlocks, pemTexts } from './load-trust.ts';
import { readPeerCertificate } from './peer-certificate.ts';
import type { FileSet } from './read-file-set.ts';
import type { Trust } from './trust.ts';

/** What differs from pod to pod. */
export interface PodSettings {
  readonly appPort?: number;
  readonly listenerPort?: number;
}

export interface ListenerMaterial {
  readonly model: ListenerModel;
  readonly port: number;
  readonly tls?: ListenerTlsView;
}

export interface UpstreamMaterial {
  readonly model: UpstreamModel;
  readonly addresses: readonly { readonly host: string; readonly port: number }[];
  readonly secureContext?: SecureContext;
  /** Of everything above: an equal one keeps its connections and its health. */
  readonly sha256: string;
}

export interface Generation {
  readonly manifest: Manifest;
  readonly manifestSHA256: string;
  readonly model: ProxyModel;
  readonly listeners: readonly ListenerMaterial[];
  readonly upstreams: readonly UpstreamMaterial[];
  readonly certificateNotAfterSeconds?: number;
  readonly crlNextUpdateSeconds?: number;
}

const AEAD_CIPHERS = [
  'ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-RSA-CHACHA20-POLY1305',
];

/** Throws an Error that names the file or field and what is wrong with it. */
export function loadGeneration(set: FileSet, pod: PodSettings, nowMs: number): Generation {
  const { model, manifest, manifestSHA256 } = set;
  const loader = new Loader(set, nowMs);
  const listeners = model.listeners.map((listener) => ({
    model: listener,
    port: listener.portFromPod ? (pod.listenerPort ?? listener.port) : listener.port,
    ...(listener.tls === undefined ? {} : { tls: loader.listenerTls(listener.tls) }),
  }));
  const upstreams = model.upstreams.map((upstream) => loader.upstream(upstream, pod));
  return { manifest, manifestSHA256, model, listeners, upstreams, ...loader.deadlines() };
}

class Loader {
  readonly #set: FileSet;
  readonly #nowMs: number;
  readonly #trusts: Trust[] = [];
  readonly #leaves: X509Certificate[] = [];

  constructor(set: FileSet, nowMs: number) {
    this.#set = set;
    this.#nowMs = nowMs;
  }

  listenerTls(tls: ListenerTlsModel): ListenerTlsView {
    const pair = this.#keyPair(tls);
    // Without a `ca` Node would trust the system's; an empty list trusts nobody.
    const trust = tls.trust === undefined ? undefined : this.#trust(tls.trust);
    const context = { ...parameters(tls), ...pair.options, ...this.#trustOptions(tls.trust) };
    attempt(`loading ${tls.certificate}`, () => createSecureContext(context));
    const ownUri = attempt(`reading ${tls.certificate}`, () => readPeerCertificate(pair.leaf).uris[0]);
    return { context, ...(trust === undefined ? {} : { trust }), ...(ownUri === undefined ? {} : { ownUri }) };
  }

  upstream(model: UpstreamModel, { appPort }: PodSettings): UpstreamMaterial {
    const addresses = model.addresses.map((address) => {
      if (address.kind === 'address') return { host: address.host, port: address.port };
      if (appPort === undefined) throw new Error(`upstream ${model.name} goes to the app, but the pod does not say its port`);
      return { host: '127.0.0.1', port: appPort };
    });
    const { tls } = model;
    const hash = createHash('sha256').update(JSON.stringify([model, addresses]));
    if (tls === undefined) return { model, addresses, sha256: hash.digest('hex') };
    const files = [tls.trust.certificates, tls.trust.crls, tls.present?.certificate, tls.present?.key];
    for (const path of files) hash.update(this.#file(path) ?? '').update('\0');
    return { model, addresses, secureContext: this.#upstreamContext(model.name, tls), sha256: hash.digest('hex') };
  }

  /** Of the first certificate shown, and of the CRL that ends first. */
  deadlines(): { certificateNotAfterSeconds?: number; crlNextUpdateSeconds?: number } {
    const nextUpdates = this.#trusts.flatMap(({ crls }) => crls ?? []).flatMap(({ nextUpdateMs }) => nextUpdateMs ?? []);
    const [leaf] = this.#leaves;
    return {
      ...(leaf === undefined ? {} : { certificateNotAfterSeconds: leaf.validToDate.getTime() / 1000 }),
      ...(nextUpdates.length === 0 ? {} : { crlNextUpdateSeconds: Math.min(...nextUpdates) / 1000 }),
    };
  }

  #upstreamContext(name: string, tls: UpstreamTlsModel): SecureContext {
    const pair = tls.present === undefined ? {} : this.#keyPair(tls.present).options;
    this.#trust(tls.trust);
    return attempt(`preparing TLS of upstream ${name}`, () => createSecureContext({ ...parameters(tls), ...pair, ...this.#trustOptions(tls.trust) }));
  }

  #keyPair({ certificate, key }: KeyPairFiles): { leaf: X509Certificate; options: SecureContextOptions } {
    const [cert, privateKey] = [this.#file(certificate), this.#file(key)];
    const [der] = pemBlocks(cert ?? Buffer.alloc(0), 'CERTIFICATE');
    if (cert === undefined || der === undefined) throw new Error(`${certificate} holds no certificate`);
    const leaf = attempt(`reading ${certificate}`, () => new X509Certificate(der));
    const matches = attempt(`reading ${key}`, () => leaf.checkPrivateKey(createPrivateKey(privateKey ?? '')));
    if (!matches) throw new Error(`${key} is not the key of ${certificate}`);
    this.#leaves.push(leaf);
    return { leaf, options: { cert, key: privateKey } };
  }

  #trust(model: TrustModel): Trust {
    const trust = loadTrust(model, { certificates: this.#file(model.certificates), crls: this.#file(model.crls) }, this.#nowMs);
    this.#trusts.push(trust);
    return trust;
  }

  #trustOptions(model: TrustModel | undefined): SecureContextOptions {
    if (model === undefined) return { ca: [] };
    const anchors = this.#file(model.certificates);
    const crls = this.#file(model.crls);
    // One by one: of several CRLs in one text Node takes the first and says nothing, and everybody under the others would be refused.
    const crl = crls === undefined ? {} : { crl: pemTexts(crls, 'X509 CRL') };
    return { ca: [...(model.system ? getCACertificates('default') : []), ...(anchors === undefined ? [] : [anchors])], ...crl };
  }

  #file(path: string | undefined): Buffer | undefined {
    return path === undefined ? undefined : this.#set.files.get(path);
  }
}

/** No tickets: a session resumed with one would skip the check whether its client has been revoked since. */
function parameters({ minVersion, ciphers, curves }: TlsParameters): SecureContextOptions {
  return {
    minVersion,
    ciphers: (ciphers.length > 0 ? ciphers : AEAD_CIPHERS).join(':'),
    ...(curves.length > 0 ? { ecdhCurve: curves.join(':') } : {}),
    honorCipherOrder: true,
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
  };
}
