/** Whether spans are wanted, and what to say about what they are wanted like. */
export interface TracingSettings {
  readonly isOn: boolean;
  readonly note?: string;
}

/** Reads the variables of OpenTelemetry that say whether spans are sent; where to and how, its exporter reads by itself. Pure. */
export function tracingSettings(env: Readonly<Record<string, string | undefined>>): TracingSettings {
  const said = (name: string): string | undefined => {
    const value = env[name]?.trim();
    return value === '' ? undefined : value;
  };
  const exporters = said('OTEL_TRACES_EXPORTER')
    ?.split(',')
    .map((name) => name.trim());
  const isNamed = exporters?.includes('otlp');
  const place = ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT'].find((name) => said(name));
  const isOff = said('OTEL_SDK_DISABLED')?.toLowerCase() === 'true' || isNamed === false;
  if (isOff || (place === undefined && isNamed !== true)) return { isOn: false };
  if (place !== undefined && !isWebAddress(said(place) ?? '')) {
    return { isOn: false, note: `no spans are sent: ${place} is no http:// or https:// URL` };
  }
  const protocol = said('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL') ?? said('OTEL_EXPORTER_OTLP_PROTOCOL');
  if (protocol !== 'grpc') return { isOn: true };
  const note = 'spans are sent as JSON over HTTP, which collectors take at port 4318, and not as gRPC';
  return { isOn: true, note };
}

function isWebAddress(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}
