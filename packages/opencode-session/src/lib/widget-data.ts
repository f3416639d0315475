import { sessionPath } from './session-url.ts';

/** Stands for the address of whoever shows the widget; ends in a slash once it is filled in. */
const PROXY = '{widgetProxyUrl}';

/** How the interface of the original's engine shows a session: what it keeps as `widgetData` of a process. */
export interface WidgetData {
  /** opencode's page of the session, behind the token for the proxy's address. */
  readonly iframeSrc: string;
  /** For the page's local storage: opencode is to talk to the proxy. */
  readonly localStorageOverrides: Readonly<Record<string, string>>;
}

/** The widget data of a session, as the original writes it. */
export function widgetData(workdir: string, opencodeSessionId: string): WidgetData {
  return {
    iframeSrc: `${PROXY}${sessionPath(workdir, opencodeSessionId)}`,
    localStorageOverrides: { 'opencode.settings.dat:defaultServerUrl': PROXY },
  };
}
