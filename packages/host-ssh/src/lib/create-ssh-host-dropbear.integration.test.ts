import { startDropbear } from '@optio-ts/testkit';

import { contractOver } from '../../test/contract-over.ts';

contractOver('dropbear, another user with another home', async () => {
  const { dropbear, reason } = await startDropbear({ user: 'other' });
  return dropbear ? { server: dropbear } : { reason };
});
