import { useEffect, useState } from 'preact/hooks';

/** A page of the dashboard, as the address behind `#` names it. */
export type Route =
  | { readonly name: 'sessions' | 'start' | 'seeds' | 'hosts' }
  | { readonly name: 'session' | 'interface'; readonly id: string };

/** Reads the address. What is no page is the list of sessions. */
export function routeOf(hash: string): Route {
  const [, name = '', id = '', part] = hash.replace(/^#/, '').split('/');
  if (name === 'session' && /^[0-9a-f]{24}$/.test(id))
    return { name: part === 'interface' ? 'interface' : 'session', id };
  if (name === 'start' || name === 'seeds' || name === 'hosts') return { name };
  return { name: 'sessions' };
}

/** The page that is open. */
export function useRoute(): Route {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const onChange = (): void => setHash(location.hash);
    window.addEventListener('hashchange', onChange);
    return () => window.removeEventListener('hashchange', onChange);
  }, []);
  return routeOf(hash);
}

/** Leads to a page. */
export function go(path: string): void {
  location.hash = path;
}
