// The material as PEM files: what most tools take.
import { writePrivateKey } from '../../pki/private-key.ts';
import { KIT_FILE, publicFile, secretFile } from './kit-parts.ts';
import type { KitFile, KitMaterial } from './kit-parts.ts';

/** Certificate with its chain, key, anchors and, where there are any, CRLs: four files. */
export function pemFiles(material: KitMaterial): KitFile[] {
  const { leafPem, intermediatesPem, key } = material;
  return [publicFile(KIT_FILE.chain, leafPem + intermediatesPem), secretFile(KIT_FILE.key, writePrivateKey(key)), ...trustFiles(material)];
}

export function trustFiles({ anchors, crlsPem }: KitMaterial): KitFile[] {
  return [publicFile(KIT_FILE.anchors, anchors.join('')), ...(crlsPem === '' ? [] : [publicFile(KIT_FILE.crls, crlsPem)])];
}
