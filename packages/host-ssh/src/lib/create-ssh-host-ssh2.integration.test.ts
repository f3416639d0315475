import { startSsh2Server } from '@optio-ts/testkit';

import { contractOver } from '../../test/contract-over.ts';

contractOver('a server of ssh2', async () => ({ server: await startSsh2Server() }));
