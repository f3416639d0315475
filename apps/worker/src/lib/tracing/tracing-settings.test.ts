import { describe, expect, it } from 'vitest';

import { tracingSettings } from './tracing-settings.ts';

describe('tracingSettings', () => {
  it('are on where a collector is named, and off otherwise', () => {
    const isOn = (env: Record<string, string>): boolean => tracingSettings(env).isOn;
    const place = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' };
    expect(isOn({})).toBe(false);
    expect(isOn({ OTEL_SERVICE_NAME: 'x', OTEL_EXPORTER_OTLP_ENDPOINT: '' })).toBe(false);
    expect(isOn(place)).toBe(true);
    expect(isOn({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:1/t' })).toBe(true);
    expect(isOn({ OTEL_TRACES_EXPORTER: 'otlp' })).toBe(true);
    expect(isOn({ ...place, OTEL_TRACES_EXPORTER: 'none' })).toBe(false);
    expect(isOn({ ...place, OTEL_SDK_DISABLED: 'TRUE' })).toBe(false);
    expect(isOn({ ...place, OTEL_SDK_DISABLED: 'false' })).toBe(true);
  });

  it('are off, and say so, where the collector has no address of the web', () => {
    for (const OTEL_EXPORTER_OTLP_ENDPOINT of ['nonsense', 'localhost:4318', 'file:///x']) {
      expect(tracingSettings({ OTEL_EXPORTER_OTLP_ENDPOINT })).toEqual({
        isOn: false,
        note: 'no spans are sent: OTEL_EXPORTER_OTLP_ENDPOINT is no http:// or https:// URL',
      });
    }
  });

  it('say that gRPC is not spoken', () => {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://h:4317', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' };
    expect(tracingSettings(env)).toEqual({ isOn: true, note: expect.stringContaining('port 4318') });
    expect(tracingSettings({ ...env, OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/protobuf' })).toEqual({ isOn: true });
  });
});
