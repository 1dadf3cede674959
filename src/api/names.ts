export const GROUP = 'tenant-mtls.dev';
