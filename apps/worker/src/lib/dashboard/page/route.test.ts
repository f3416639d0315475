import { describe, expect, it } from 'vitest';

import { routeOf } from './route.ts';

const id = '65a1b2c3d4e5f60718293a4b';

describe('routeOf', () => {
  it.each([
    ['', { name: 'sessions' }],
    ['#/', { name: 'sessions' }],
    ['#/start', { name: 'start' }],
    [`#/session/${id}`, { name: 'session', id }],
    [`#/session/${id}/interface`, { name: 'interface', id }],
    ['#/session/../../api/watch', { name: 'sessions' }],
    ['#/session/<script>', { name: 'sessions' }],
    ['#/elsewhere', { name: 'sessions' }],
  ])('reads %s', (hash, route) => {
    expect(routeOf(hash)).toEqual(route);
  });
});
