// A kit for Java: a key store and a trust store (PKCS#12), and the options that point a JVM to them. The stores themselves are made by
// openssl and keytool (make-key-stores.ts).
import { writePrivateKey } from '../../pki/private-key.ts';
import { KIT_FILE, secretFile } from './kit-parts.ts';
import type { KitContent, KitMaterial, KitPlace } from './kit-parts.ts';
import { shellWord } from './kit-values.ts';

const OPTIONS = 'java.options';

/** `password` is random; it protects no more than the modes of the files do, but Java wants one. */
export function javaKit(material: KitMaterial, { directory }: KitPlace, password: string): KitContent {
  const { name, leafPem, intermediatesPem, key, anchors, crlsPem } = material;
  const option = (property: string, value: string) => `"-Djavax.net.ssl.${property}=${value}"\n`;
  const store = (kind: string, file: string) => option(kind, `${directory}/${file}`) + option(`${kind}Type`, 'PKCS12') + option(`${kind}Password`, password);
  return {
    files: [
      secretFile(KIT_FILE.password, password),
      secretFile(OPTIONS, store('keyStore', KIT_FILE.keyStore) + store('trustStore', KIT_FILE.trustStore)),
    ],
    keyStores: { alias: name, keyAndChainPem: writePrivateKey(key) + leafPem + intermediatesPem, anchors },
    usage: [
      `java @${shellWord(`${directory}/${OPTIONS}`)} -jar app.jar`,
      '',
      `${KIT_FILE.keyStore} holds key and certificate, ${KIT_FILE.trustStore} the authority; the password of both is in the file ${KIT_FILE.password}.`,
      'Restart the JVM after the kit was renewed.',
      ...(crlsPem === '' ? [] : ['The authority keeps a CRL, which Java does not read from a file by itself: revoked peers are NOT refused.']),
    ],
  };
}
