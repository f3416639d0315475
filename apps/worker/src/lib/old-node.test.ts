import { describe, expect, it } from 'vitest';

import { refusalOfNode } from './old-node.ts';

describe('refusalOfNode', () => {
  it.each(['v18.20.8', 'v20.20.2', 'v22.12.0'])('refuses %s, and says what is needed', (version) => {
    expect(refusalOfNode({ execPath: '/usr/bin/node', version })).toBe(
      `needs Node 22.13.0 or newer, and /usr/bin/node is ${version.slice(1)}; put a newer one into the PATH before it`,
    );
  });
  it.each(['v22.13.0', 'v22.20.1', 'v24.0.0', 'v26.1.0-nightly'])('takes %s', (version) => {
    expect(refusalOfNode({ execPath: '/usr/bin/node', version })).toBeUndefined();
  });
});
