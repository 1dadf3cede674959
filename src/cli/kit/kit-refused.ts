/** There is no kit, and the message says why and what to do. */
export class KitRefused extends Error {
  override readonly name = 'KitRefused';
}
