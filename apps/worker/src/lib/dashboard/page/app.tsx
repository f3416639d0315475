import type { JSX } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';

import { Api } from './api.ts';
import { Hosts } from './hosts.tsx';
import { InterfacePage } from './interface-page.tsx';
import { useRoute } from './route.ts';
import type { Route } from './route.ts';
import { Seeds } from './seeds.tsx';
import { SessionList } from './session-list.tsx';
import { SessionPage } from './session-page.tsx';
import { StartPage } from './start-page.tsx';
import { isCalling } from './state.ts';
import { keepToken, takeToken, tokenIn } from './token.ts';
import { useWatch } from './use-watch.ts';

/** The page: who has no token is asked for it. */
export function App(): JSX.Element {
  const [token, setToken] = useState(takeToken);
  const [isRefused, setRefused] = useState(false);
  if (token !== undefined && !isRefused) {
    return <Dashboard token={token} onRefused={() => setRefused(true)} />;
  }
  return (
    <Entrance
      isRefused={isRefused}
      onToken={(given) => {
        keepToken(given);
        setToken(given);
        setRefused(false);
      }}
    />
  );
}

function Entrance(props: { readonly isRefused: boolean; readonly onToken: (token: string) => void }): JSX.Element {
  const [text, setText] = useState('');
  const token = tokenIn(text);
  return (
    <main class="entrance">
      <h1>optio</h1>
      <p>
        {props.isRefused
          ? 'The link of this page is of an earlier start. Paste the one that optio serve has printed.'
          : 'Open the dashboard by the link that optio serve has printed, or paste it here.'}
      </p>
      <label>
        Link
        <input
          type="password"
          autocomplete="off"
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </label>
      <button
        type="button"
        class="primary"
        disabled={token === undefined}
        onClick={() => token !== undefined && props.onToken(token)}
      >
        Open
      </button>
    </main>
  );
}

function Dashboard({ token, onRefused }: { readonly token: string; readonly onRefused: () => void }): JSX.Element {
  const api = useMemo(() => new Api(token), [token]);
  const route = useRoute();
  const { link, state } = useWatch(api, 'id' in route ? route.id : undefined);
  useEffect(() => {
    if (link === 'refused') onRefused();
  }, [link]);
  const calling = [...(state.sessions?.values() ?? [])].filter(isCalling).length;
  useEffect(() => {
    document.title = calling === 0 ? 'optio' : `(${calling}) optio`;
  }, [calling]);

  return (
    <>
      <a class="skip" href="#main" onClick={focusMain}>
        To the content
      </a>
      <header class="bar">
        <nav aria-label="Pages">
          <NavLink route={route} name="sessions" href="#/" text="Sessions" />
          <NavLink route={route} name="start" href="#/start" text="Start" />
          <NavLink route={route} name="seeds" href="#/seeds" text="Seeds" />
          <NavLink route={route} name="hosts" href="#/hosts" text="Hosts" />
        </nav>
        <p role="status" class={calling === 0 ? 'calm' : 'calling'}>
          {link === 'down' ? 'Connecting…' : calling === 0 ? '' : `${calling} need${calling === 1 ? 's' : ''} you`}
        </p>
      </header>
      <Main key={'id' in route ? `${route.name} ${route.id}` : route.name} isWide={route.name === 'interface'}>
        {route.name === 'sessions' && <SessionList sessions={state.sessions} />}
        {route.name === 'start' && <StartPage api={api} />}
        {route.name === 'seeds' && <Seeds api={api} />}
        {route.name === 'hosts' && <Hosts api={api} />}
        {route.name === 'session' && (
          <SessionPage api={api} session={state.session} lines={state.lines} isUnknown={state.isUnknown} />
        )}
        {route.name === 'interface' && <InterfacePage api={api} id={route.id} session={state.session} />}
      </Main>
    </>
  );
}

function NavLink(props: {
  readonly route: Route;
  readonly name: Route['name'];
  readonly href: string;
  readonly text: string;
}): JSX.Element {
  const isHere = props.route.name === props.name;
  return (
    <a href={props.href} aria-current={isHere ? 'page' : undefined}>
      {props.text}
    </a>
  );
}

/** A new page begins at its top, for whoever reads by ear or keyboard too. */
function Main(props: { readonly isWide: boolean; readonly children: unknown }): JSX.Element {
  const main = useRef<HTMLElement>(null);
  useEffect(() => {
    if (document.activeElement === document.body || document.activeElement?.closest('nav') === null)
      main.current?.focus();
  }, []);
  // What had the focus may be gone with its answer: whoever was there goes on from the page, and not from nowhere.
  const focused = useRef<Element | undefined>(undefined);
  useEffect(() => {
    if (document.activeElement !== document.body || focused.current?.isConnected !== false) return;
    focused.current = undefined;
    main.current?.focus();
  });
  return (
    <main
      id="main"
      tabIndex={-1}
      ref={main}
      onFocusIn={(event) => {
        focused.current = event.target as Element;
      }}
      class={props.isWide ? 'wide' : ''}
    >
      {props.children as JSX.Element}
    </main>
  );
}

function focusMain(event: Event): void {
  // The address behind `#` names pages, not places in them.
  event.preventDefault();
  document.querySelector<HTMLElement>('#main')?.focus();
}
