import { describe, expect, it } from 'vitest';

import { conventionalTarballUrl, metadataUrl, replaceRegistryHost, tarballOf } from './npm-package.ts';

const sha512 = `sha512-${'A'.repeat(86)}==`;
const request = { name: 'tool', version: '1.2.3', registry: 'https://mirror.example/npm/' };
const metadata = (dist: unknown): unknown => ({ versions: { '1.2.3': { dist } } });

describe('conventionalTarballUrl', () => {
  it('is below the registry, with or without a slash at its end', () => {
    const expected = 'https://mirror.example/npm/tool/-/tool-1.2.3.tgz';
    expect(conventionalTarballUrl('https://mirror.example/npm', 'tool', '1.2.3')).toBe(expected);
    expect(conventionalTarballUrl('https://mirror.example/npm/', 'tool', '1.2.3')).toBe(expected);
  });

  it('keeps the scope in the folder only', () => {
    expect(conventionalTarballUrl('https://r.example', '@a/tool', '1.2.3')).toBe(
      'https://r.example/@a/tool/-/tool-1.2.3.tgz',
    );
  });
});

describe('metadataUrl', () => {
  it('escapes the slash of a scoped name', () => {
    expect(metadataUrl('https://r.example/', '@a/tool')).toBe('https://r.example/@a%2ftool');
  });
});

describe('tarballOf', () => {
  it('takes the sha512 among several digests', () => {
    const dist = { integrity: `sha1-abc= ${sha512}?foo`, tarball: 'https://r.example/t.tgz' };
    expect(tarballOf(metadata(dist), request)).toEqual({
      url: 'https://r.example/t.tgz',
      integrity: sha512,
    });
  });

  for (const [name, value, code] of [
    ['a version that is not there', { versions: {} }, 'VERSION_NOT_FOUND'],
    ['an answer that is no metadata', 'hello', 'VERSION_NOT_FOUND'],
    ['a version named like a property of every object', null, 'VERSION_NOT_FOUND'],
    ['no digest', metadata({ tarball: 'https://r.example/t.tgz' }), 'PACKAGE_INVALID'],
    ['only a weak digest', metadata({ integrity: 'sha1-abc=', tarball: 'https://r.example/t.tgz' }), 'PACKAGE_INVALID'],
    ['no address', metadata({ integrity: sha512 }), 'PACKAGE_INVALID'],
    ['an address of another kind', metadata({ integrity: sha512, tarball: 'file:///etc/passwd' }), 'PACKAGE_INVALID'],
  ] as const) {
    it(`refuses ${name}`, () => {
      expect(() => tarballOf(value, request)).toThrow(expect.objectContaining({ code }));
    });
  }
});

describe('replaceRegistryHost', () => {
  const official = 'https://registry.npmjs.org/tool/-/tool-1.2.3.tgz';
  const mirror = 'https://mirror.example:8443/npm/';
  const moved = 'https://mirror.example:8443/npm/tool/-/tool-1.2.3.tgz';

  it('moves addresses of the public registry to a mirror by default', () => {
    expect(replaceRegistryHost(official, mirror, undefined)).toBe(moved);
    expect(replaceRegistryHost(official, mirror, 'npmjs')).toBe(moved);
  });

  it('leaves addresses of other hosts alone unless told always', () => {
    const other = 'https://files.example/tool-1.2.3.tgz';
    expect(replaceRegistryHost(other, mirror, 'npmjs')).toBe(other);
    expect(replaceRegistryHost(other, mirror, 'always')).toBe('https://mirror.example:8443/npm/tool-1.2.3.tgz');
    expect(replaceRegistryHost(other, mirror, 'files.example')).not.toBe(other);
  });

  it('leaves everything alone when told never', () => {
    expect(replaceRegistryHost(official, mirror, 'never')).toBe(official);
  });

  it('does not repeat a path that is there already', () => {
    expect(replaceRegistryHost('https://registry.npmjs.org/npm/tool.tgz', mirror, 'npmjs')).toBe(
      'https://mirror.example:8443/npm/tool.tgz',
    );
  });
});
