import { hostContract } from '@optio-ts/host-core/testing';

import { contractOver, startOpenSsh } from '../../test/contract-over.ts';

/** What a login shell can influence: it reads the bootstrap, and every file and archive is a command like these. */
const aboutCommands = hostContract.filter(({ name }) =>
  /^(run|stdin|spawn|kill|disposing|exited|abort|timeoutMs|the host) /.test(name),
);

const noisyBashrc = 'echo "noise on stdout"; printf "and no line break" >&2; set -o noclobber; cd /';

contractOver(
  'OpenSSH, the login shell a noisy bash',
  () => startOpenSsh({ user: 'other', loginShell: '/bin/bash', homeFiles: { '.bashrc': noisyBashrc } }),
  aboutCommands,
);
contractOver(
  'OpenSSH, the login shell fish',
  () =>
    startOpenSsh({
      user: 'other',
      loginShell: '/usr/bin/fish',
      homeFiles: { '.config/fish/config.fish': 'echo noise' },
    }),
  aboutCommands,
);
contractOver(
  'OpenSSH, the login shell tcsh',
  () => startOpenSsh({ user: 'other', loginShell: '/usr/bin/tcsh', homeFiles: { '.tcshrc': 'echo noise; set echo' } }),
  aboutCommands,
);
