// stub
export async function writeSidecarConfig(..._: unknown[]): Promise<undefined> { return undefined; }
