import { createLocalHost } from '@optio-ts/host-core';
import { startHttpServer } from '@optio-ts/testkit';
import { describe, expect, inject, it } from 'vitest';

import { OPEN_SERVICES, findExposures } from './reach.ts';

const [mongodb] = OPEN_SERVICES;

describe('findExposures', () => {
  it('finds a MongoDB that asks for no password, and says what to do', async (ctx) => {
    const uri = inject('mongoUri');
    if (uri === undefined || mongodb === undefined) return ctx.skip(`needs ${inject('mongoMissing')}`);
    await using host = createLocalHost();
    const services = [{ ...mongodb, port: Number(new URL(uri).port) }];
    const found = await findExposures(host, { services, metadataUrl: 'http://127.0.0.1:9/' });
    expect(found).toEqual([
      {
        what: expect.stringMatching(/^MongoDB on port \d+ serves everybody/),
        remedy: expect.stringContaining('password'),
      },
    ]);
  });

  it('finds an address of metadata by any answer, and no service where nothing listens', async () => {
    await using server = await startHttpServer((_request, response) => response.writeHead(401).end());
    await using host = createLocalHost();
    const services = OPEN_SERVICES.map((service) => ({ ...service, port: 9 }));
    const found = await findExposures(host, { services, metadataUrl: `${server.url}/` });
    expect(found.map(({ what }) => what)).toEqual([expect.stringContaining('metadata address')]);
  });
});
