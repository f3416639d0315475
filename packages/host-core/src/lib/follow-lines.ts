import type { Host } from './host.ts';
export interface GrowingFile {
  readonly host: Host;
  readonly path: string;
}
