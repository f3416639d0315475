import type { HostKeyPolicy } from '@optio-ts/host-ssh';

/** The same policy, whose refusal of a host that nobody knows says which command would write its key down. */
export function withRemedy(policy: HostKeyPolicy, name: string): HostKeyPolicy {
  return {
    description: policy.description,
    async open(target) {
      const check = await policy.open(target);
      return {
        keyTypes: check.keyTypes,
        async verify(key) {
          const refusal = await check.verify(key);
          if (refusal?.isUnknown !== true) return refusal;
          const remedy = `check the fingerprint: optio host check ${name} --accept-new writes the key down`;
          return { ...refusal, remedy };
        },
      };
    },
  };
}
