/** Other spellings that OpenSSH still takes. */
const aliases: Readonly<Record<string, string>> = {
  challengeresponseauthentication: 'kbdinteractiveauthentication',
  dsaauthentication: 'pubkeyauthentication',
  identityfile2: 'identityfile',
  pubkeyacceptedkeytypes: 'pubkeyacceptedalgorithms',
  skeyauthentication: 'kbdinteractiveauthentication',
  tisauthentication: 'kbdinteractiveauthentication',
};

/** Every keyword of OpenSSH 10, and those of Debian and of earlier releases that are still passed over. */
const known = new Set(
  `addkeystoagent addressfamily batchmode bindaddress bindinterface canonicaldomains canonicalizefallbacklocal
  canonicalizehostname canonicalizemaxdots canonicalizepermittedcnames casignaturealgorithms certificatefile channeltimeout
  checkhostip cipher ciphers clearallforwardings compression compressionlevel connectionattempts connecttimeout controlmaster
  controlpath controlpersist dynamicforward enableescapecommandline enablesshkeysign escapechar exitonforwardfailure
  fallbacktorsh fingerprinthash forkafterauthentication forwardagent forwardx11 forwardx11timeout forwardx11trusted
  gatewayports globalknownhostsfile globalknownhostsfile2 gssapiauthentication gssapiclientidentity gssapidelegatecredentials
  gssapikexalgorithms gssapikeyexchange gssapirenewalforcesrekey gssapiserveridentity gssapitrustdns hashknownhosts host
  hostbasedacceptedalgorithms hostbasedauthentication hostbasedkeytypes hostkeyalgorithms hostkeyalias hostname identitiesonly
  identityagent identityfile ignoreunknown include ipqos kbdinteractiveauthentication kbdinteractivedevices kexalgorithms
  keepalive kerberosauthentication kerberostgtpassing knownhostscommand localcommand localforward loglevel logverbose macs
  match nohostauthenticationforlocalhost numberofpasswordprompts obscurekeystroketiming passwordauthentication
  permitlocalcommand permitremoteopen pkcs11provider port preferredauthentications protocol protocolkeepalives proxycommand
  proxyjump proxyusefdpass pubkeyacceptedalgorithms pubkeyauthentication refuseconnection rekeylimit remotecommand
  remoteforward requesttty requiredrsasize revokedhostkeys rhostsauthentication rhostsrsaauthentication rsaauthentication
  securitykeyprovider sendenv serveralivecountmax serveraliveinterval sessiontype setenv setuptimeout smartcarddevice
  stdinnull streamlocalbindmask streamlocalbindunlink stricthostkeychecking syslogfacility tag tcpkeepalive tunnel
  tunneldevice updatehostkeys useprivilegedport user userknownhostsfile userknownhostsfile2 useroaming usersh
  verifyhostkeydns versionaddendum visualhostkey warnweakcrypto xauthlocation`.split(/\s+/),
);

/** The usual spelling of a keyword in lower case; `undefined` for what is none. */
export function knownKeyword(keyword: string): string | undefined {
  return aliases[keyword] ?? (known.has(keyword) ? keyword : undefined);
}
