import { describe, expect, it } from 'vitest';

import { OPEN_SERVICES } from './reach.ts';

const cases: Readonly<Record<string, { readonly open: string; readonly closed: string }>> = {
  MongoDB: { open: '…databases…totalSize…', closed: '…errmsg…command listDatabases requires authentication…' },
  Redis: { open: '+PONG\r\n', closed: '-NOAUTH Authentication required.\r\n' },
  PostgreSQL: { open: 'R\0\0\0\b\0\0\0\0S', closed: 'R\0\0\0\x17\0\0\0\nSCRAM-SHA-256\0\0' },
  Memcached: { open: 'VERSION 1.6.18\r\n', closed: 'CLIENT_ERROR unauthenticated\r\n' },
  Elasticsearch: { open: 'HTTP/1.1 200 OK\r\n\r\n{"cluster_name":"x"}', closed: 'HTTP/1.1 401 Unauthorized\r\n\r\n{}' },
  "Docker's API": { open: 'HTTP/1.0 200 OK\r\n\r\n{"ApiVersion":"1.47"}', closed: 'HTTP/1.0 403 Forbidden\r\n\r\n' },
};

describe('OPEN_SERVICES', () => {
  for (const { isOpen, name } of OPEN_SERVICES) {
    it(`tells a ${name} that serves everybody from one that asks who is there`, () => {
      expect(isOpen(Buffer.from(cases[name]?.open ?? '', 'latin1'))).toBe(true);
      expect(isOpen(Buffer.from(cases[name]?.closed ?? '', 'latin1'))).toBe(false);
      expect(isOpen(Buffer.alloc(0))).toBe(false);
    });
  }
});
