import { describe, expect, it } from 'vitest';

import { explainFailure, followAnswer } from './download-failure.ts';
import { firstHop } from './download-hop.ts';

const hop = firstHop('http://a/', {});
const policy = { maxRedirects: 2, mayLeaveTls: false, redirects: 0 };
const ended = (
  tool: string,
  exitCode: number,
  head: string[],
  log: string[] = [],
): Parameters<typeof explainFailure>[0] => ({
  tool,
  exitCode,
  head,
  log,
});

describe('explainFailure', () => {
  it.each([
    [ended('curl', 6, [], ['curl: (6) Could not resolve host: x']), 'dns'],
    [ended('curl', 60, [], ['curl: (60) SSL certificate problem']), 'tls'],
    [ended('curl', 18, ['HTTP/2 200'], ['curl: (18) transfer closed']), 'cut-short'],
    [ended('curl', 52, [], ['curl: (52) Empty reply from server']), 'cut-short'],
    [ended('curl', 63, ['HTTP/1.1 200 OK'], []), 'too-large'],
    // The answer of a proxy is not that of the server.
    [ended('curl', 22, ['HTTP/1.1 200 Connection established', '', 'HTTP/1.1 403 Forbidden']), 'status'],
    [ended('wget', 4, ["wget: unable to resolve host address 'x'"]), 'dns'],
    [ended('wget', 4, ['failed: Connection refused.']), 'connect'],
    [ended('wget', 5, ["ERROR: cannot verify x's certificate, issued by y"]), 'tls'],
    [ended('wget', 8, ['  HTTP/1.1 404 Not Found', '  X: Connection refused']), 'status'],
    [ended('wget', 2, ['wget: unrecognized option']), 'other'],
    [ended('busybox', 1, ["wget: bad address 'x'"]), 'dns'],
  ])('%j', (transfer, failure) => {
    expect(explainFailure(transfer).failure).toBe(failure);
  });
});

describe('followAnswer', () => {
  it('goes by the last answer, and by no location of one that does not send on', () => {
    expect(followAnswer(ended('curl', 0, ['HTTP/1.1 200 OK', 'Location: /x']), hop, policy)).toBeUndefined();
    expect(followAnswer(ended('curl', 0, ['HTTP/1.1 302 x', 'LOCATION:/y']), hop, policy)).toMatchObject({
      url: new URL('http://a/y'),
    });
    expect(
      followAnswer(ended('wget', 8, ['  HTTP/1.1 308 x', '  Location: /y']), hop, { ...policy, redirects: 2 }),
    ).toMatch(/more than 2 times/);
  });

  it('only refuses what busybox has followed', () => {
    const chain = (...places: string[]): unknown =>
      followAnswer(
        ended('busybox', 1, [
          ...places.flatMap((place) => ['  HTTP/1.1 302 x', `  location: ${place}`]),
          '  HTTP/1.1 500 x',
        ]),
        hop,
        policy,
      );
    expect(chain('/a', 'http://b/')).toBeUndefined();
    expect(chain('/a', '/b', '/c')).toMatch(/more than 2 times/);
    expect(chain('https://b/')).toMatch(/checks no certificates/);
    expect(chain('ftp://b/')).toMatch(/ftp: address/);
  });
});
