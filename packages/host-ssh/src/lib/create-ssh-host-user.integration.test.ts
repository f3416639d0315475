import { contractOver, startOpenSsh } from '../../test/contract-over.ts';

// Whose login shell is /bin/sh, which is dash here.
contractOver('OpenSSH, another user with another home', () => startOpenSsh({ user: 'other' }));
