// X.509 structures whose unchanging parts stay DER: names, keys and extensions are spliced in as the bytes they already
// are. That keeps issuer names byte-identical to the CA's subject, and is what makes issuing fast.
import { AsnConvert, AsnIntegerArrayBufferConverter, AsnProp, AsnPropTypes, AsnType, AsnTypeTypes } from '@peculiar/asn1-schema';
import { Validity } from '@peculiar/asn1-x509';

type Definition = Parameters<typeof AsnProp>[0];
type Converter = NonNullable<Definition['converter']>;

/**
 * What the library's encoder asks of a value: to write itself. The library's own converter for raw bytes parses them into
 * a tree of objects first and writes that, once per level of nesting, which is most of the time issuing takes.
 */
class VerbatimElement {
  readonly #bytes: ArrayBuffer;

  constructor(bytes: ArrayBuffer) {
    this.#bytes = bytes;
  }

  toBER(_sizeOnly: boolean, writer?: { write(bytes: ArrayBuffer): void }): ArrayBuffer {
    writer?.write(this.#bytes);
    return this.#bytes;
  }
}

/** For writing only; what is read is taken apart by der.ts. */
const verbatim = { toASN: (bytes: ArrayBuffer) => new VerbatimElement(bytes) } as unknown as Converter;

const ANY: Definition = { type: AsnPropTypes.Any, converter: verbatim };
const INTEGER_BYTES: Definition = { type: AsnPropTypes.Integer, converter: AsnIntegerArrayBufferConverter };

const EMPTY = new ArrayBuffer(0);

/** TBSCertificate of RFC 5280, 4.1. The outdated unique identifiers are refused by leaving them out. */
export class TbsCertificate {
  version = 2;
  serialNumber: ArrayBuffer = EMPTY;
  signature: ArrayBuffer = EMPTY;
  issuer: ArrayBuffer = EMPTY;
  validity: Validity = new Validity();
  subject: ArrayBuffer = EMPTY;
  subjectPublicKeyInfo: ArrayBuffer = EMPTY;
  extensions: ArrayBuffer[] = [];
}

define(TbsCertificate, {
  version: { type: AsnPropTypes.Integer, context: 0, defaultValue: 0 },
  serialNumber: INTEGER_BYTES,
  signature: ANY,
  issuer: ANY,
  validity: { type: Validity },
  subject: ANY,
  subjectPublicKeyInfo: ANY,
  extensions: { ...ANY, repeated: 'sequence', context: 3 },
});

/** What a certificate is on the outside: content, algorithm, signature. */
export class Signed {
  content: ArrayBuffer = EMPTY;
  algorithm: ArrayBuffer = EMPTY;
  signature: ArrayBuffer = EMPTY;
}

define(Signed, { content: ANY, algorithm: ANY, signature: { type: AsnPropTypes.BitString } });

/** The encoding of a value of one of the schema classes. */
export function encode(value: object): ArrayBuffer {
  return AsnConvert.serialize(value);
}

/** The bytes of a Buffer as the exact ArrayBuffer that the schema wants. */
export function exactBytes(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}

function define(target: new () => object, properties: Readonly<Record<string, Definition>>): void {
  for (const [name, definition] of Object.entries(properties)) AsnProp(definition)(target.prototype as object, name);
  AsnType({ type: AsnTypeTypes.Sequence })(target);
}
