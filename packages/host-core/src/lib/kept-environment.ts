/**
 * Globs of the variables that an agent and its tools may inherit from the host's own environment, for `keepEnv`: language, time
 * zone, proxies, certificates. Neither `PATH` nor `HOME` is among them. Everything else stays away from an agent: a worker's
 * database URLs and cloud keys are not its business.
 */
export const DEFAULT_KEPT_ENVIRONMENT: readonly string[] = [
  'LANG',
  'LANGUAGE',
  'LC_*',
  'TZ',
  'USER',
  'LOGNAME',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'ALL_PROXY',
  'NO_PROXY',
  'http_proxy',
  'https_proxy',
  'all_proxy',
  'no_proxy',
  'NODE_EXTRA_CA_CERTS',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'CURL_CA_BUNDLE',
  'REQUESTS_CA_BUNDLE',
];
