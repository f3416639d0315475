import type { SshSettings } from './settings.ts';

/** Keywords that are not followed: the values that ask for nothing, and why others are left out. */
const table: readonly (readonly [keyword: string, nothing: RegExp, reason: string])[] = [
  ['ForwardAgent', /^no$/i, 'an agent is never forwarded'],
  ['ForwardX11', /^no$/i, 'X11 is never forwarded'],
  ['LocalForward', /^$/, 'ports are forwarded by forwardPort'],
  ['RemoteForward', /^$/, 'ports are forwarded by forwardPort'],
  ['DynamicForward', /^$/, 'ports are forwarded by forwardPort'],
  ['Tunnel', /^(?:no|false)$/i, 'no tunnel is made'],
  ['PermitLocalCommand', /^no$/i, 'no local command is run'],
  ['RemoteCommand', /^none$/i, 'commands come from run and spawn'],
  ['SetEnv', /^$/, 'variables come from the env of run and spawn'],
  ['CertificateFile', /^none$/i, 'user certificates are not supported; the key is offered without'],
  ['PKCS11Provider', /^none$/i, 'keys of PKCS#11 are not supported, except through an agent'],
  ['HostbasedAuthentication', /^no$/i, 'host-based logins are not supported'],
  ['NoHostAuthenticationForLocalhost', /^no$/i, 'host keys are always checked'],
  ['VerifyHostKeyDNS', /^(?:no|false)$/i, 'host keys are looked up in files alone'],
  ['AddressFamily', /^any$/i, 'the system chooses the address'],
  ['BindAddress', /^$/, 'the system chooses the address'],
  ['BindInterface', /^$/, 'the system chooses the interface'],
];

/** Names what the configuration asks for and is not followed. */
export function ignoredSettings(settings: SshSettings): readonly string[] {
  return table.flatMap(([keyword, nothing, reason]) => {
    const values = settings.get(keyword.toLowerCase()) ?? [];
    return values.some((value) => !nothing.test(value)) ? [`${keyword}: ${reason}`] : [];
  });
}
