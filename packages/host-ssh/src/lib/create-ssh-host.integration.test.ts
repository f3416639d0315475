import { contractOver, startOpenSsh } from '../../test/contract-over.ts';

contractOver('OpenSSH, the user of this test', () => startOpenSsh({ user: 'self' }));
