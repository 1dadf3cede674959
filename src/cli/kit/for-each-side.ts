import type { KitMaterial, KitPlace, KitServer } from './kit-parts.ts';

interface Sides<T> {
  readonly edge: () => T;
  readonly client: (server: KitServer) => T;
}

/** For the sides that the certificate can take: an edge where it may be a server, a client where it may be one and its server is known. */
export function forEachSide<T>({ roles }: KitMaterial, { server }: KitPlace, { edge, client }: Sides<T>): T[] {
  return [...(roles.has('server') ? [edge()] : []), ...(roles.has('client') && server !== undefined ? [client(server)] : [])];
}
